from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Optional

import numpy as np

from cite.compare.methods.job import Job
from cite.compare.methods.scores import Lines, read_lines
from cite.compare.methods.task import JobResult
from cite.compare.plan.config import Comparison
from cite.compare.plan.folds import fold_pool
from cite.core.evaluation.metrics import SCORE_METRICS
from cite.core.evaluation.scores import bag_scores

from .prediction_files import csv_text
from .store import Store
from .training import read_training_file


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
    row: dict[str, Any] = {'job': job.name, **asdict(job), 'digest': digest}
    if result.error is not None:
        row['error'] = result.error
        store.append(row)
        return row
    lines = read_lines(
        _test_file(comparison, job), len(comparison.classes), comparison.slide
    )
    patches = np.zeros((len(lines.files), 1))
    if result.patches is not None:
        patches = result.patches
        text = _patch_table(lines, comparison.classes, patches)
        store.write_text(f'patches/{job.name}.csv', text)
    else:  # an earlier method of this name may have scored patches
        (store.out / f'patches/{job.name}.csv').unlink(missing_ok=True)
    means, labels, names = bag_scores(patches, lines.labels, lines.slides)
    scores = means if result.slides is None else result.slides
    text = _slide_table(lines, comparison, zip(names, labels, scores))
    store.write_text(f'predictions/{job.name}.csv', text)
    row['seconds'] = round(result.seconds, 3)
    row['figures'] = _metrics(lines, result.patches, scores, labels)
    training = read_training_file(store.out / 'jobs' / job.name)
    if training:
        row['training'] = training
    store.append(row)
    return row


def _test_file(comparison: Comparison, job: Job) -> str:
    if comparison.folds and not job.fold:
        return str(fold_pool(comparison))
    return str(comparison.val_file(job.draw, job.fold))


def _metrics(
    lines: Lines, patches: Optional[np.ndarray], slides: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """Compute each metric of patches (N, K), if they have scores, and slides (B, K)."""
    levels = {'bag_': (slides, labels)}
    if patches is not None:
        levels = {'': (patches, lines.labels), **levels}
    return {
        prefix + name: metric(*level)
        for prefix, level in levels.items()
        for name, metric in SCORE_METRICS.items()
    }


def _patch_table(lines: Lines, classes: Sequence[str], scores: np.ndarray) -> str:
    head = ['file', 'slide', 'label', *classes]
    columns = zip(lines.files, lines.slides, lines.labels, scores)
    rows = ([f, s, classes[label], *map(float, row)] for f, s, label, row in columns)
    return csv_text(head, rows)


def _slide_table(lines: Lines, comparison: Comparison, slides: Iterable[Any]) -> str:
    """Write the slides' table, of id, label and scores of each, sorted by id."""
    _, patches = np.unique(lines.slides, return_counts=True)
    rows = []
    for (name, label, row), number in zip(slides, patches):
        patient = comparison.patients.get(str(name), '')
        slide = [str(name), patient, comparison.classes[label], int(number)]
        rows.append([*slide, *map(float, row)])
    head = ['slide', 'patient', 'label', 'patches', *comparison.classes]
    return csv_text(head, rows)
