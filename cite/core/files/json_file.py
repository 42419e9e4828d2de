"""JSON files from anyone: bounded in size and depth, and text that can be written."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn, Union

from cite.core.messages import first_line

from .budget import check_json

MOST_BYTES = 16 << 20  # of settings and descriptions, which have some kilobytes
# Limits for a description with vectors in it, and its objects within objects.
MOST_OBJECT_BYTES, MOST_DEPTH = 64 << 20, 20


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """Read a JSON file.

    Args:
        path: file in UTF-8.
        most: size that the file may have, bytes.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: it is not JSON, too large, too deeply nested, or holds half of a
            character; the message starts with the path.
    """
    return parse_json(_read(path, most), path)


def parse_json(data: bytes, where: object, **options: Any) -> Any:
    """Parse JSON as :func:`read_json` does.

    Args:
        data: UTF-8.
        where: start of the message.
        **options: of ``json.loads``.
    """
    try:
        check_json(data)
        value = json.loads(data.decode('utf-8'), **options)
        # JSON can name half of a character, which no file can hold.
        json.dumps(value, ensure_ascii=False).encode('utf-8')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise ValueError(f'{where} is not text: line {line} is not UTF-8.') from error
    except UnicodeEncodeError as error:
        raise ValueError(
            f'{where} is not text: it holds half of a character.'
        ) from error
    except RecursionError as error:
        raise ValueError(f'{where} is nested too deeply.') from error
    except (ValueError, MemoryError) as error:
        # Python's own message of a number with thousands of digits is long.
        raise ValueError(f'{where} is not JSON: {first_line(error)[:200]}.') from error
    return value


def read_json_object(
    path: Union[str, Path], remedy: str, most: int = MOST_OBJECT_BYTES
) -> dict[str, Any]:
    """Return a JSON file's object, in which each key and number means one thing.

    Args:
        path: file in UTF-8.
        remedy: end of the error message: where a whole file comes from.
        most: size that the file may have, bytes.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: as with :func:`read_json`, or it is not an object, is nested more
            than ``MOST_DEPTH`` deep, or has a key twice or a number that is not finite.
    """
    path = Path(path)
    try:
        content = parse_json(
            _read(path, most),
            path,
            object_pairs_hook=_object,
            parse_constant=_not_finite,
            parse_float=_finite,
        )
        if not isinstance(content, dict):
            kind = type(content).__name__
            raise ValueError(f'{path} holds a {kind} instead of an object.')
        _check_depth(content, path)
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f'{error} {remedy}') from error
    return content


def _read(path: Path, most: int) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file.')
    size = path.stat().st_size
    if size > most:
        raise ValueError(f'{path} is too large: {size:,} bytes; at most {most:,}.')
    return path.read_bytes()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(k for k, n in Counter(k for k, _ in pairs).items() if n > 1)
        raise ValueError(f'the key {twice[:60]!r} is there twice')
    return content


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f'{name} is not a number of JSON')


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_finite(text[:60])


def _check_depth(content: Any, path: Path) -> None:
    level, depth = [content], 0
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            raise ValueError(f'{path} is nested too deeply.')
        level = [
            value
            for part in level
            for value in (part.values() if isinstance(part, dict) else part)
            if isinstance(value, (dict, list))
        ]
