"""Read JSON of unknown origin: bounded, plain, and without surprises."""

import json
from pathlib import Path
from typing import Any, NoReturn, Union

from .text_file import read_utf8

MOST_BYTES = 64 << 20
MOST_DEPTH = 20


def read_json_object(
    path: Union[str, Path], remedy: str, most_bytes: int = MOST_BYTES
) -> dict[str, Any]:
    """Return a JSON file's object.

    Args:
        path: file in UTF-8.
        remedy: end of the error message: where a whole file comes from.
        most_bytes: a larger file is refused before it is read.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is too large, not JSON, not an object, nested too deeply, or has
            a key twice or a number that is not finite; the message names the place.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file. {remedy}')
    size = path.stat().st_size
    if size > most_bytes:
        raise ValueError(
            f'{path} has {size:,} bytes, more than the {most_bytes:,} that such a file '
            f'may have. {remedy}'
        )
    try:
        content = json.loads(
            read_utf8(path), object_pairs_hook=_object, parse_constant=_not_finite
        )
    except RecursionError as error:
        raise ValueError(f'{path} is nested too deeply. {remedy}') from error
    except ValueError as error:
        # Python's own message of a number with thousands of digits is long.
        raise ValueError(f'{path} is not JSON: {str(error)[:200]}. {remedy}') from error
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise ValueError(f'{path} holds a {kind} instead of an object. {remedy}')
    _check_depth(content, path, remedy)
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f'the key {twice[:60]!r} is there twice')
    return content


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f'{name} is not a number of JSON')


def _check_depth(content: Any, path: Path, remedy: str) -> None:
    level, depth = [content], 0
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            raise ValueError(f'{path} is nested too deeply. {remedy}')
        level = [
            value
            for part in level
            for value in (part.values() if isinstance(part, dict) else part)
            if isinstance(value, (dict, list))
        ]
