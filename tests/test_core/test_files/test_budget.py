"""What a hostile file may take: memory and time in proportion to its size."""

import io
import pickle
import resource
import struct
import time
import zipfile
import zlib
from collections import OrderedDict

import numpy as np
import pytest
import torch

from cite.core.files.weights import load_weights

P, MARK, STOP = b'\x80\x02', b'(', b'.'


def name(module, attribute):
    return f'c{module}\n{attribute}\n'.encode()


def text(value):
    data = value.encode()
    return b'X' + struct.pack('<I', len(data)) + data


def number(value):
    data = value.to_bytes(value.bit_length() // 8 + 1, 'little', signed=True)
    return b'\x8a' + bytes([len(data)]) + data


def put(slot):
    return b'r' + struct.pack('<I', slot)


def get(slot):
    return b'j' + struct.pack('<I', slot)


def call(function, *args):
    return function + MARK + b''.join(args) + b'tR'


def doubled(make_twice, first, times=27):
    """Make a value of the value before twice, which is kept in slot 1."""
    made = P + first + put(1)
    for _ in range(times):
        made += b'0' + make_twice(get(1) + get(1)) + put(1)
    return made


def of_pickle(data, records=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_STORED) as archive:
        archive.writestr('archive/data.pkl', data)
        archive.writestr('archive/version', b'3\n')
        for record, content in records:
            archive.writestr(f'archive/{record}', content)
    return buffer.getvalue()


def old_format(data):
    head = [0x1950A86A20F9469CFC6C, 1001, {'little_endian': True}]
    parts = [pickle.dumps(part, 2) for part in head]
    return b''.join([*parts, data, pickle.dumps([], 2)])


def kept_and_copied(copy, times=4000):
    """Keep a text of a megabyte once and let a builder copy it often."""
    keep = P + text('x' * 10**6) + put(1) + b'0' + b']' + MARK
    return keep + copy * times + b'e' + STOP


def repeated_list(function, times=2000):
    keep = P + MARK + b'K\x01' * 100_000 + b'l' + put(1) + b'0' + b']' + MARK
    return keep + call(function, get(1)) * times + b'e' + STOP


def storage(key, numel, kind='HalfStorage'):
    pid = MARK + text('storage') + name('torch', kind) + text(key) + text('cpu')
    return pid + number(numel) + b'tQ'


def tensor(shape, strides, key='0', numel=1, kind='HalfStorage'):
    sizes = MARK + b''.join(map(number, shape)) + b't'
    steps = MARK + b''.join(map(number, strides)) + b't'
    build = name('torch._utils', '_rebuild_tensor_v2')
    return call(build, storage(key, numel, kind), b'K\x00', sizes, steps, b'\x89', b'}')


def overlapping(records=2000, size=1 << 20):
    """Return an archive whose many records are all the same megabyte."""
    body = bytes(size)
    crc = zlib.crc32(body)
    data = P + b']' + MARK
    data += b''.join(
        tensor((1,), (1,), str(k), 1, 'ByteStorage') for k in range(records)
    )
    out = io.BytesIO(of_pickle(data + b'e' + STOP, [('data/0', body)]))
    with zipfile.ZipFile(out, 'a') as archive:
        first = archive.getinfo('archive/data/0')
        for k in range(1, records):
            info = zipfile.ZipInfo(f'archive/data/{k}')
            info.CRC, info.file_size, info.compress_size = crc, size, size
            info.header_offset = first.header_offset
            info.orig_filename = info.filename
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
        archive._didModify = True
    return out.getvalue()


def scripted_names():
    """Return TorchScript whose parts' names grow with depth, a tensor at each."""
    one = tensor((1,), (1,), kind='ByteStorage')
    made = P + text('n' * 3000) + put(1) + b'0' + one + put(2) + b'0' + get(2) + put(3)
    part = name('__torch__', 'M') + b')R}' + MARK
    for _ in range(3000):
        made += b'0' + part + get(1) + get(3) + text('t') + get(2) + b'ub' + put(3)
    return of_pickle(made + STOP, [('constants.pkl', P + b').'), ('data/0', b'\0')])


def listed_twice(pair):
    return b']' + MARK + pair + b'e'


U1 = call(name('numpy', 'dtype'), text('u1'), b'\x89', b'\x88')
PATH = name('pathlib', 'PurePosixPath')
VERSION = name('torch.torch_version', 'TorchVersion')
LIST = b']' + MARK + text('a') + b'e'
HOSTILE = {
    'bytes of a number': of_pickle(
        P
        + call(
            name('numpy.core.numeric', '_frombuffer'),
            *(number(4 * 10**9), U1, number(4 * 10**9) + b'\x85', text('C')),
        )
        + STOP
    ),
    'scalar of a number': of_pickle(
        P + call(name('numpy.core.multiarray', 'scalar'), U1, number(4 * 10**9)) + STOP
    ),
    'path of paths': of_pickle(
        doubled(lambda pair: PATH + MARK + pair + b'tR', call(PATH, text('a'))) + STOP
    ),
    'text of lists': of_pickle(
        doubled(listed_twice, LIST) + put(1) + b'0' + call(VERSION, get(1)) + STOP
    ),
    'a list twice': of_pickle(doubled(listed_twice, LIST) + STOP),
    'a tuple twice': of_pickle(doubled(lambda pair: pair + b'\x86', LIST) + STOP),
    'a dict twice': of_pickle(
        doubled(
            lambda pair: b'}(' + text('a') + pair[:5] + text('b') + pair[5:] + b'u',
            b'}',
        )
        + STOP
    ),
    'a list twice, old format': old_format(doubled(listed_twice, LIST) + STOP),
    'storage named by lists, old format': old_format(
        doubled(listed_twice, LIST)
        + MARK
        + text('storage')
        + name('torch', 'ByteStorage')
        + get(1)
        + text('cpu')
        + b'K\x00tQ'
        + STOP
    ),
    'deep': of_pickle(P + b']' * 50_000 + b'a' * 49_999 + STOP),
    'itself': of_pickle(P + b']' + put(1) + get(1) + b'a' + STOP),
    'codec': of_pickle(
        kept_and_copied(call(name('_codecs', 'encode'), get(1), text('latin1')))
    ),
    'sets': of_pickle(repeated_list(name('builtins', 'set'))),
    'sizes': of_pickle(repeated_list(name('torch', 'Size'))),
    'one text in many places': of_pickle(kept_and_copied(get(1), 300_000)),
    'stride 0': of_pickle(
        P + tensor((30_000, 40_000), (0, 0)) + STOP, [('data/0', b'\0\0')]
    ),
    'many of stride 0': of_pickle(
        P + b']' + MARK + tensor((1000, 30_000), (0, 0)) * 100 + b'e' + STOP,
        [('data/0', b'\0\0')],
    ),
    'one view in many places': of_pickle(
        P
        + tensor((1000, 30_000), (0, 0))
        + put(1)
        + b'0]'
        + MARK
        + get(1) * 100
        + b'e'
        + STOP,
        [('data/0', b'\0\0')],
    ),
    'overlapping records': overlapping(),
    'names of parts': scripted_names(),
    'digits': of_pickle(P + b'I' + b'9' * 10**6 + b'\n' + STOP),
    'digits of a long': of_pickle(P + b'L' + b'9' * 10**6 + b'L\n' + STOP),
    'a large number': of_pickle(
        P + b'\x8b' + struct.pack('<i', 10**6) + b'\x01' * 10**6 + STOP
    ),
    'empty dicts': of_pickle(P + b'}' * 2_000_000 + STOP),
    'notes of one value': of_pickle(P + b'N' + b'\x94' * 4_000_000 + STOP),
    'a list of contents': of_pickle(
        P + b'N' + STOP, [(f'{k:01000}', b'') for k in range(17_000)]
    ),
    'a long key': of_pickle(P + b'}' + text('k' * 10_000) + b'Ns' + STOP),
    'keys of one hash': of_pickle(
        P
        + b'}'
        + MARK
        + b''.join(number(k * (2**61 - 1)) + b'N' for k in range(60_000))
        + b'u'
        + STOP
    ),
    'frame of claimed size': of_pickle(
        b'\x80\x04\x95' + struct.pack('<Q', 1 << 40) + b'N'
    ),
    'text of claimed size, old format': old_format(
        b'\x80\x04\x8d' + struct.pack('<Q', 1 << 40) + b'a'
    ),
    'NumPy type of many fields': of_pickle(
        P + call(name('numpy', 'dtype'), text('u1,' * 10**6), b'\x89', b'\x88') + STOP
    ),
}


@pytest.mark.parametrize('case', HOSTILE)
def test_a_hostile_file_is_cheap_to_refuse(tmp_path, case):
    path = tmp_path / 'hostile.pth'
    path.write_bytes(HOSTILE[case])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    with pytest.raises(ValueError, match=r'hostile\.pth'):
        load_weights(path)
    # The largest of these files has 5 MB; 8 times that and 64 MiB beside are allowed.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 250_000  # kB
    assert time.process_time() - start < 15


def test_views_and_shared_tensors_of_honest_files_are_read(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    content = {
        'base': base,
        'tied': base,
        'columns': base[:, 1],
        'expanded': torch.ones(1).expand(256, 256),
        'empty': torch.empty(0, 3),
        'transposed': base.T,
    }
    for zipped in (True, False):
        torch.save(content, tmp_path / 'x.pth', _use_new_zipfile_serialization=zipped)
        loaded = load_weights(tmp_path / 'x.pth')
        assert all(torch.equal(loaded[key], content[key]) for key in content)


def test_an_optimizer_of_many_parameters_is_read(tmp_path):
    # The pickle is most of the file: 500 tensors of one number, with their state.
    state = OrderedDict((f'layer{i}.weight', torch.ones(1)) for i in range(500))
    moments = {
        i: {'step': 1, 'exp_avg': w, 'exp_avg_sq': w.clone()}
        for i, w in enumerate(state.values())
    }
    content = {
        'state_dict': state,
        'optimizer': {'state': moments},
        'losses': [0.5] * 10**4,
    }
    for protocol in (2, 4):
        torch.save(content, tmp_path / 'x.pth', pickle_protocol=protocol)
        loaded = load_weights(tmp_path / 'x.pth')
        assert loaded['optimizer']['state'][499]['exp_avg'] == 1
        assert loaded['losses'] == content['losses']


def test_numpy_values_of_honest_files_are_read(tmp_path):
    content = {
        'scalar': np.float32(0.5),
        'text': np.str_('ü'),
        'date': np.datetime64('2020-01-01'),
        'ints': np.arange(6).reshape(2, 3),
        'texts': np.array(['a', 'bc']),
        'empty': np.empty((0, 3), np.float16),
    }
    torch.save(content, tmp_path / 'x.pth')
    loaded = load_weights(tmp_path / 'x.pth')
    for key in content:
        if key != 'date':  # without its unit
            np.testing.assert_array_equal(loaded[key], content[key])
