"""JSON files from anyone: bounded in size and depth, and text that can be written."""

import json
from pathlib import Path
from typing import Any

from cite.core.messages import first_line

from .budget import Budget, check_tree

MOST_BYTES = 16 << 20  # of settings and descriptions, which have some kilobytes


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """Read a JSON file.

    Args:
        path: file in UTF-8.
        most: size that the file may have, bytes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not JSON, too large, too deeply nested, or holds half of a
            character; the message starts with the path.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file.')
    size = path.stat().st_size
    if size > most:
        raise ValueError(f'{path} is too large: {size:,} bytes; at most {most:,}.')
    return parse_json(path.read_bytes(), path)


def parse_json(data: bytes, where: object) -> Any:
    """Parse JSON as :func:`read_json` does; ``where`` starts the message."""
    try:
        value = json.loads(data.decode('utf-8'))
        check_tree(value, Budget(len(data)))
        # JSON can name half of a character, which no file can hold.
        json.dumps(value, ensure_ascii=False).encode('utf-8')
    except UnicodeEncodeError as error:
        raise ValueError(
            f'{where} is not text: it holds half of a character.'
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f'{where} is not JSON: {first_line(error)}.') from error
    return value
