"""Everything that is written when the jobs are done."""

from pathlib import Path
from typing import Union

from cite.compare.folder.read_outcome import read_outcome
from cite.compare.statistics.summarise import summarise

from . import report_page
from .tables import csv_table, latex_table, markdown_table


def write_all(out: Union[str, Path]) -> list[Path]:
    """Write ``table.md``, ``table.csv``, ``table.tex`` and ``report.html``.

    The same folder gives the same bytes.

    Args:
        out: the comparison's folder.

    Returns:
        The files, in that order.

    Raises:
        FileNotFoundError: the folder lacks a file; the message says what to do.
        ValueError: no job is finished, or a file does not fit the others.
    """
    outcome = read_outcome(out)
    summary = summarise(outcome)
    texts = {
        'table.md': markdown_table(outcome, summary),
        'table.csv': csv_table(outcome, summary),
        'table.tex': latex_table(outcome, summary),
        'report.html': report_page(outcome, summary),
    }
    paths = []
    for name, text in texts.items():
        path = Path(out) / name
        path.write_bytes(text.encode())  # the same bytes on every system
        paths.append(path)
    return paths
