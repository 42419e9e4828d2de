"""From a job's probabilities to its files and its line of the results."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Optional

import numpy as np

from cite.compare.engines.task import JobResult
from cite.compare.methods.job import Job
from cite.compare.methods.scores import Lines, read_lines
from cite.compare.plan.config import Comparison
from cite.core.evaluation.metrics import SCORE_METRICS
from cite.core.evaluation.scores import bag_scores

from .prediction_files import csv_text
from .store import Store


def write_result(
    store: Store, comparison: Comparison, job: Job, digest: str, result: JobResult
) -> dict[str, Any]:
    """Write a job's predictions, then its line; returns the line.

    Args:
        store: the out folder.
        comparison: what is compared.
        job: the job.
        digest: digest of its inputs.
        result: what its worker sent back.
    """
    row: dict[str, Any] = {
        'job': job.name,
        'method': job.method,
        'shots': job.shots,
        'draw': job.draw,
        'seed': job.seed,
        'digest': digest,
    }
    if result.error is not None:
        row['error'] = result.error
        store.append(row)
        return row
    lines = _lines(str(comparison.val_file), len(comparison.classes))
    scores, labels, names = _slide_scores(lines, result.patches, result.slides)
    if result.patches is not None:
        text = _patch_table(lines, comparison.classes, result.patches)
        store.write_text(f'patches/{job.name}.csv', text)
    else:  # an earlier method of this name may have scored patches
        (store.out / f'patches/{job.name}.csv').unlink(missing_ok=True)
    text = _slide_table(lines, comparison, scores, labels, names)
    store.write_text(f'predictions/{job.name}.csv', text)
    row['seconds'] = round(result.seconds, 3)
    row['figures'] = _metrics(lines, result.patches, scores, labels)
    store.append(row)
    return row


@lru_cache(maxsize=1)
def _lines(path: str, classes: int) -> Lines:
    return read_lines(path, classes)


def _slide_scores(
    lines: Lines, patches: Optional[np.ndarray], slides: Optional[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the slides' scores (B, K), labels (B,) and ids (B,), sorted by id."""
    scores = np.zeros((len(lines.files), 1)) if patches is None else patches
    means, labels, names = bag_scores(scores, lines.labels, lines.slides)
    return (means if slides is None else slides), labels, names


def _metrics(
    lines: Lines, patches: Optional[np.ndarray], slides: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """Compute every metric, of patches if they have scores, and of slides.

    Args:
        lines: lines of the test file, N.
        patches: (N, K) or None.
        slides: (B, K).
        labels: (B,).
    """
    levels = {'bag_': (slides, labels)}
    if patches is not None:
        levels = {'': (patches, lines.labels), **levels}
    return {
        prefix + name: metric(*level)
        for prefix, level in levels.items()
        for name, metric in SCORE_METRICS.items()
    }


def _patch_table(lines: Lines, classes: Sequence[str], scores: np.ndarray) -> str:
    return csv_text(
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
    _, patches = np.unique(lines.slides, return_counts=True)
    rows = []
    for name, label, number, row in zip(names, labels, patches, scores):
        patient = comparison.patients.get(str(name), '')
        slide = [str(name), patient, comparison.classes[label], int(number)]
        rows.append([*slide, *map(float, row)])
    head = ['slide', 'patient', 'label', 'patches', *comparison.classes]
    return csv_text(head, rows)
