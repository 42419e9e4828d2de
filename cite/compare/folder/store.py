"""What a comparison leaves on disk: whole lines and whole files, or none."""

import csv
import fcntl
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np

from cite.compare.methods.scores import Lines
from cite.core.evaluation.bags import bag_scores
from cite.core.evaluation.figures import FIGURES

from .checks import is_row

RESULTS = 'results.jsonl'
# Results of jobs that the config does not ask for at present.
UNUSED = 'unused.jsonl'


class Store:
    """The out folder of a comparison; one process at a time may have it.

    Args:
        out: the folder.

    Raises:
        ValueError: another process has it.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        self._lock = (out / '.lock').open('w')
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise ValueError(
                f'{out}: a comparison is running there already. Wait for it, or give '
                'another --out.'
            ) from error

    def close(self) -> None:
        """Let another process have the folder."""
        self._lock.close()

    def settle(self, digests: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Sort what is there: results that hold, and others out of the way.

        Args:
            digests: of each planned job.

        Returns:
            The results that hold, by job.
        """
        rows = read_rows(self.out / UNUSED) + read_rows(self.out / RESULTS)
        good = {row['job']: row for row in rows if holds(self.out, row, digests)}
        other = {
            r['job']: r for r in rows if r['job'] not in digests and 'figures' in r
        }
        # In this order: a kill between the two loses no result.
        _replace(self.out / UNUSED, ''.join(map(_line, other.values())))
        self.write_rows(good.values())
        return good

    def write_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the results anew."""
        _replace(self.out / RESULTS, ''.join(map(_line, rows)))

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a line to the results: whole, or cut off where the next start sees it."""
        with (self.out / RESULTS).open('ab', buffering=0) as file:
            file.write(_line(row).encode())
            os.fsync(file.fileno())

    def write_text(self, name: str, text: str) -> None:
        """Write a file, whole or not at all."""
        _replace(self.out / name, text)


def holds(out: Path, row: Mapping[str, Any], digests: Mapping[str, str]) -> bool:
    """Tell whether a result is of a planned job as it is now, its predictions there."""
    current = digests.get(row['job'])
    done = 'figures' in row and current is not None and row.get('digest') == current
    return done and (out / 'predictions' / f'{row["job"]}.csv').is_file()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read lines of JSON; one that is none, as a killed process leaves, is left out."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_bytes().split(b'\n'):
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError):
            continue
    return [row for row in rows if is_row(row)]


def figures_of(
    lines: Lines,
    patches: Optional[np.ndarray],
    slides: tuple[np.ndarray, np.ndarray],
) -> dict[str, float]:
    """Compute every figure, of patches where there are scores, and of slides.

    Args:
        lines: of the test file, N.
        patches: (N, K) or None.
        slides: scores (B, K) and labels (B,).
    """
    levels = {'bag_': slides}
    if patches is not None:
        levels = {'': (patches, lines.labels), **levels}
    return {
        prefix + name: float(figure(scores, labels, None)[0])
        for prefix, (scores, labels) in levels.items()
        for name, figure in FIGURES.items()
    }


def slide_scores(
    lines: Lines, patches: Optional[np.ndarray], slides: Optional[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the slides' scores (B, K), labels (B,) and ids (B,), sorted by id."""
    scores = np.zeros((len(lines.files), 1)) if patches is None else patches
    means, labels, names = bag_scores(scores, lines.labels, lines.slides)
    return (means if slides is None else slides), labels, names


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a CSV; floats in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row) + '\n'


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'.{path.name}.partial')
    with partial.open('w', encoding='utf-8') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
