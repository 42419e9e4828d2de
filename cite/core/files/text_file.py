"""Read the text files that users write: annotations, tables, classes, captions."""

from pathlib import Path


def read_utf8(path: Path) -> str:
    """Return a file's text with its line ends unchanged.

    Args:
        path: text file. A byte order mark, which some editors write, is removed.

    Raises:
        ValueError: the file is not UTF-8; the message names the first faulty line.
    """
    try:
        return path.read_bytes().decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = error.object.count(b'\n', 0, error.start) + 1
        raise ValueError(
            f'{path}:{line}: not UTF-8 text. Save the file as UTF-8.'
        ) from error
