"""From a job's probabilities to its files and its line of the results."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Optional

import numpy as np

from cite.compare.engines.task import Outcome
from cite.compare.methods.scores import Lines, read_lines
from cite.compare.plan.config import Comparison
from cite.compare.plan.plan import Job

from .store import Store, figures_of, slide_scores, table


def keep(
    store: Store, comparison: Comparison, job: Job, digest: str, outcome: Outcome
) -> dict[str, Any]:
    """Write a job's predictions, then its line; returns the line.

    Args:
        store: the out folder.
        comparison: what is compared.
        job: the job.
        digest: of its inputs.
        outcome: what its worker gave back.
    """
    row: dict[str, Any] = {
        'job': job.name,
        'method': job.method,
        'shots': job.shots,
        'draw': job.draw,
        'seed': job.seed,
        'digest': digest,
    }
    if outcome.error is not None:
        row['error'] = outcome.error
        store.append(row)
        return row
    lines = _lines(str(comparison.val_file), len(comparison.classes))
    scores, labels, names = slide_scores(lines, outcome.patches, outcome.slides)
    if outcome.patches is not None:
        text = _patch_table(lines, comparison.classes, outcome.patches)
        store.write_text(f'patches/{job.name}.csv', text)
    else:  # of a method of this name that scored patches
        (store.out / f'patches/{job.name}.csv').unlink(missing_ok=True)
    text = _slide_table(lines, comparison, scores, labels, names)
    store.write_text(f'predictions/{job.name}.csv', text)
    row['seconds'] = round(outcome.seconds, 3)
    row['figures'] = figures_of(lines, outcome.patches, (scores, labels))
    store.append(row)
    return row


@lru_cache(maxsize=1)
def _lines(path: str, classes: int) -> Lines:
    return read_lines(path, classes)


def _patch_table(lines: Lines, classes: Sequence[str], scores: np.ndarray) -> str:
    return table(
        ['file', 'slide', 'label', *classes],
        (
            [file, slide, classes[label], *map(float, row)]
            for file, slide, label, row in zip(
                lines.files, lines.slides, lines.labels, scores
            )
        ),
    )


def _slide_table(
    lines: Lines,
    comparison: Comparison,
    scores: np.ndarray,
    labels: np.ndarray,
    names: np.ndarray,
) -> str:
    _, counts = np.unique(lines.slides, return_counts=True)
    patient: Optional[str]
    rows = []
    for name, label, count, row in zip(names, labels, counts, scores):
        patient = comparison.patients.get(str(name), '')
        known = [str(name), patient, comparison.classes[label], int(count)]
        rows.append([*known, *map(float, row)])
    return table(['slide', 'patient', 'label', 'patches', *comparison.classes], rows)
