"""The table of slides, ``captions.csv``: one row per slide."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

from cite.core.files.csv_table import find_column, read_rows
from cite.core.files.elsewhere import looked_at

from .annotations import filename_fault
from .slide_rule import PREFIX, SlideRule

COLUMNS = ('id', 'subtype', 'text')
# How tables call the column with the patient; of several, the first of these counts.
PATIENT_COLUMNS = ('patient', 'patient_id', 'case', 'case_id')


class Slide(NamedTuple):
    """One row: the slide, its diagnosis, and the group that must stay together."""

    id: str
    subtype: str
    group: str  # the slide itself where the table is not grouped


def patient_column(path: Path, column: Optional[str]) -> Optional[str]:
    """Return the table's column with the patient, or None if it has none.

    It is ``column`` if that is given, or else the first of ``PATIENT_COLUMNS``:
    ``Patient ID`` is ``patient_id``.

    Raises:
        ValueError: the table cannot be read, or has two such columns.
    """
    if column is not None:
        return column
    line, header = next(read_rows(path), (1, []))
    _locate(header, COLUMNS, f'{path}:{line}')
    return find_column(header, PATIENT_COLUMNS, f'{path}:{line}')


def read_captions(
    path: Union[str, Path], group_by: Optional[str] = None, rule: SlideRule = PREFIX
) -> list[Slide]:
    """Read a table with the columns ``id``, ``subtype`` and ``text``.

    Everything is text as written: ``007`` keeps its zeros and ``NA`` is a name. Blanks
    at a cell's edges do not count, and several within it count as one. Further columns
    are allowed, in any order.

    Args:
        path: CSV file, UTF-8, comma-separated.
        group_by: further column, whose equal values mark slides that belong together,
            such as the patient.
        rule: which slide a patch belongs to: what an id can be depends on it.

    Returns:
        The rows in the table's order, at least one.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: the table does not have this form; the message names the line.
    """
    path = Path(path)
    _require_table(path)
    rows = read_rows(path)
    first_line, header = next(rows, (1, []))
    names = ['id', 'subtype'] + ([group_by] if group_by is not None else [])
    positions = _locate(header, [*names, 'text'], f'{path}:{first_line}')
    columns = list(zip(names, positions))
    slides: list[Slide] = []
    lines: dict[str, int] = {}
    for line, row in rows:
        where = f'{path}:{line}'
        slide = _read_row(row, len(header), columns, where)
        _check_id(slide.id, where, rule)
        if slide.id in lines:
            raise ValueError(
                f'{where}: the id {slide.id!r} is on line {lines[slide.id]} already. '
                'Delete one of the two rows.'
            )
        lines[slide.id] = line
        slides.append(slide)
    if not slides:
        raise ValueError(f'{path}: a table without rows. Download or write it again.')
    return slides


def _require_table(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such table.{looked_at(path)} data/README.md says where to get '
            f'PatchGastric; your own table needs the columns {",".join(COLUMNS)}. '
            'Another folder is named with --data-path.'
        )


def _read_row(
    row: list[str], width: int, columns: list[tuple[str, int]], where: str
) -> Slide:
    """Read the columns id, subtype and group from a row of a table of this width."""
    if len(row) != width:
        raise ValueError(
            f'{where}: {len(row)} columns where the first line has {width}. '
            'Put text that contains a comma into double quotes.'
        )
    for name, column in columns:
        if not row[column]:
            raise ValueError(f'{where}: no {name} in this row. Fill it in.')
    slide, subtype, *group = [row[column] for _, column in columns]
    return Slide(slide, subtype, group[0] if group else slide)


def _locate(header: list[str], wanted: Sequence[str], where: str) -> list[int]:
    """Return the positions of the wanted columns."""
    present = ', '.join(map(repr, header)) or 'none'
    for name in wanted:
        if header.count(name) != 1:
            state = 'listed twice' if name in header else 'missing'
            remedy = f'The table needs {",".join(COLUMNS)}, separated by commas.'
            if name not in COLUMNS:
                remedy = 'Add it, name another with --group-by, or leave that out.'
            raise ValueError(
                f'{where}: the column {name!r} is {state}; the columns are: '
                f'{present}. {remedy}'
            )
    return [header.index(name) for name in wanted]


def _check_id(slide: str, where: str, rule: SlideRule) -> None:
    """Refuse an id that no patch can have by the rule."""
    if rule.text == 'prefix' and '_' in slide:
        raise ValueError(
            f'{where}: the id {slide!r} contains "_". In the name of a patch the id '
            'ends at the first "_": slides would be merged. Rename the id and its '
            "patches, or choose another rule for slide (--slide): 'folder', a regular "
            'expression, or a column of a table.'
        )
    if rule.text not in ('prefix', 'folder'):
        return  # an expression may shorten names; a table may have any ids
    fault = filename_fault(slide)
    if fault is None and rule.text == 'prefix' and '/' in slide:
        fault = 'contains "/"'
    if fault:
        raise ValueError(
            f'{where}: the id {slide!r} cannot begin the name of a patch: it {fault}. '
            'Rename the id and its patches.'
        )
