"""Files that are almost right, drawn from a seed: bytes, JSON, archives, tables."""

import copy
import io
import json
import random
import struct
import zipfile
from collections.abc import Sequence
from typing import Any

# What a key or an entry becomes.
ODD_VALUES = (
    *(None, True, False, 0, -1, 1, 2, 7, 0.5, -0.0, 1e308, 10**12, 65_536, 10**400),
    *(2**31, 2**63, float('nan'), float('inf'), '', ' ', 'x', 'a' * 5000, '../x', '/x'),
    *('\ud800', '\n', '\0', 'é', '1', 'nan', '[]', 'None', 'load', 'auto', [], {}),
    *([None], [[]], {'': {}}, ['a', 1], [1] * 50, {'type': 'ResNet'}, {'a': [1]}),
)
ODD_BYTES = (
    *(b'', b'\0', b'\xff', b'\xff\xff\xff\xff', b'\n', b'\r', b'"', b',', b'{', b'}'),
    *(
        b'[' * 2000,
        b'\xed\xa0\x80',
        b'\xef\xbb\xbf',
        b'1e999',
        b'nan',
        b'-1',
        b'0' * 99,
    ),
)


def odd_bytes(rng: random.Random, data: bytes) -> bytes:
    """Change, insert or remove some bytes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 5)):
        at = rng.randint(0, len(changed))
        new = rng.choice([rng.randbytes(rng.randint(1, 4)), rng.choice(ODD_BYTES)])
        changed[at : at + rng.choice([0, 1, len(new), 64])] = new
    return bytes(changed)


def odd_tree(rng: random.Random, tree: Any) -> Any:
    """Return a copy of plain data with some entries changed, added or removed."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.randint(1, 3)):
        owners = [part for part in _parts(tree) if part]
        if not owners:
            return rng.choice(ODD_VALUES)
        owner = rng.choice(owners)
        key = rng.choice(list(owner) if isinstance(owner, dict) else range(len(owner)))
        kind = rng.random()
        if kind < 0.7:
            owner[key] = _odd_value(rng, owners)
        elif kind < 0.85:
            del owner[key]
        elif isinstance(owner, dict):
            owner[rng.choice(['', 'x', key + ' ', '\ud800', 'type'])] = owner[key]
        else:
            owner.append(owner[key])
    return tree


def _odd_value(rng: random.Random, owners: Sequence[Any]) -> Any:
    if rng.random() < 0.2:
        return copy.deepcopy(rng.choice(owners))
    value = copy.deepcopy(rng.choice(ODD_VALUES))
    for _ in range(rng.choice([0, 0, 0, 0, 3, 300])):
        value = rng.choice([[value], {'a': value}])
    return value


def _parts(tree: Any) -> list[Any]:
    """List the dicts and lists of plain data."""
    parts, pending = [], [tree]
    while pending:
        part = pending.pop()
        if isinstance(part, (dict, list)):
            parts.append(part)
            pending.extend(part.values() if isinstance(part, dict) else part)
    return parts


def odd_json(rng: random.Random, content: Any) -> bytes:
    """Write JSON that is odd in its entries, its bytes, or both."""
    data = json.dumps(content).encode()
    if rng.random() < 0.8:
        data = json.dumps(odd_tree(rng, content)).encode()
    return odd_bytes(rng, data) if rng.random() < 0.3 else data


def odd_table(rng: random.Random, text: str) -> bytes:
    """Change cells, columns and lines of a CSV, or its bytes."""
    rows = [line.split(',') for line in text.splitlines()]
    for _ in range(rng.randint(1, 3)):
        row = rng.choice(rows)
        kind = rng.random()
        if kind < 0.7 and row:
            row[rng.randrange(len(row))] = rng.choice(
                ['', ' ', '-1', '1e400', 'nan', '9' * 400, '"', 'é', '=1', 'x' * 5000]
            )
        elif kind < 0.8 and row:
            row.pop()
        elif kind < 0.9:
            rows.append(list(row))
        else:
            rows.remove(row)
            if not rows:
                return b''
    data = '\n'.join(','.join(row) for row in rows).encode() + b'\n'
    return odd_bytes(rng, data) if rng.random() < 0.3 else data


def odd_safetensors(rng: random.Random, data: bytes) -> bytes:
    """Change the list of tensors, its length, or the bytes of a safetensors file."""
    (size,) = struct.unpack('<Q', data[:8])
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    kind = rng.random()
    if kind < 0.3:
        return odd_bytes(rng, data)
    text = odd_json(rng, header)
    stated = len(text) if kind < 0.9 else rng.choice([0, 8, 2**40, 2**63])
    return struct.pack('<Q', stated) + text + body[: rng.choice([None, 0, 8])]


def odd_archive(rng: random.Random, data: bytes, fragments: Sequence[bytes]) -> bytes:
    """Change records of a zip file: their names, bytes, order, number and places.

    Args:
        data: the archive.
        fragments: put into its pickles.
    """
    if rng.random() < 0.25:
        start = data.rindex(b'PK\5\6')
        place = struct.unpack('<I', data[start + 16 : start + 20])[0]
        return data[:place] + odd_bytes(rng, data[place:])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        records = [(name, archive.read(name)) for name in archive.namelist()]
    for _ in range(rng.randint(1, 2)):
        at = rng.randrange(len(records))
        name, content = records[at]
        kind = rng.random()
        if kind < 0.6:
            records[at] = name, _odd_record(rng, name, content, fragments)
        elif kind < 0.75:
            records.pop(at)
        elif kind < 0.9:
            records.append((rng.choice([name, name + 'x', '', 'a/data.pkl']), content))
        else:
            records[at] = rng.choice(records)[0], content
        if not records:
            break
    new = io.BytesIO()
    method = rng.choice([zipfile.ZIP_STORED] * 5 + [zipfile.ZIP_DEFLATED])
    with zipfile.ZipFile(new, 'w', method) as archive:
        for name, content in records:
            archive.writestr(zipfile.ZipInfo(name or 'x'), content, method)
    return new.getvalue()


def _odd_record(
    rng: random.Random, name: str, content: bytes, fragments: Sequence[bytes]
) -> bytes:
    if not name.endswith('.pkl') or rng.random() < 0.3:
        return odd_bytes(rng, content)
    changed = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randint(2, max(len(changed) - 1, 2))
        changed[at : at + rng.choice([0, 0, 1, 5])] = rng.choice(fragments)
    return bytes(changed)
