"""The one reader of tables that users write: CSV, header and rows alike."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from .plain_cell import plain_cell
from .text_file import read_utf8


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line it begins on; quoted text may span lines.

    The header is the first. Lines may end in LF, CR LF or CR.
    """
    text = read_utf8(path)
    if '\0' in text:
        line = text.count('\n', 0, text.index('\0')) + 1
        raise ValueError(
            f'{path}:{line}: a NUL byte, as in UTF-16 text. Save the table as CSV in '
            'UTF-8.'
        )
    # Strict: otherwise a stray quote would silently swallow the rows after it.
    file = io.StringIO(text, newline='')
    reader = csv.reader(file, strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(
                f'{path}:{line}: not a row of a CSV table: {error}. Look for a quote '
                'that is not closed.'
            ) from error
        cells = [plain_cell(cell) for cell in row]
        if cells not in ([], ['']):
            yield line, cells
