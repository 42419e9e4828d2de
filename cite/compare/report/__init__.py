"""The tables and the report of a comparison: one HTML file with inline SVG drawings.

SVG by hand rather than by matplotlib: it follows the reader's light or dark theme,
keeps its text as text, and is a tenth of the size.
"""

from pathlib import Path
from typing import Union

from cite.compare.folder.read_results import read_results
from cite.compare.statistics.summarise import summarise
from cite.core.files.write_whole import write_text_whole

from .page import report_page
from .tables import csv_table, latex_table, markdown_table


def write_all(out: Union[str, Path]) -> list[Path]:
    """Write ``table.md``, ``table.csv``, ``table.tex`` and ``report.html``.

    The same folder gives the same bytes.

    Args:
        out: folder of the comparison.

    Returns:
        The files, in that order.

    Raises:
        FileNotFoundError: the folder lacks a file; the message names the remedy.
        ValueError: no job is finished, or a file does not fit the others.
    """
    results = read_results(out)
    summary = summarise(results)
    texts = {
        'table.md': markdown_table(results, summary),
        'table.csv': csv_table(results, summary),
        'table.tex': latex_table(results, summary),
        'report.html': report_page(results, summary),
    }
    for name, text in texts.items():
        write_text_whole(Path(out) / name, text)
    return [Path(out) / name for name in texts]
