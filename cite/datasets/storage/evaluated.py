"""Which patches an evaluation counts, and what it says of those that it does not."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.utils import print_log

from cite.core.messages import shorten

from .unreadable import is_lost


def readable(
    results: Sequence[np.ndarray],
    paths: Sequence[str],
    bags: np.ndarray,
    ann_file: str,
    logger: Any = None,
) -> np.ndarray:
    """Return the places of the patches whose images could be read, and report others.

    Args:
        results: the scores of each patch, N of (K,).
        paths: its image, N.
        bags: its slide, (N,).
        ann_file: named in messages.
        logger: where patches are reported that could not be read.

    Raises:
        ValueError: no patch of a slide can be read.
    """
    lost = [i for i, path in enumerate(paths) if is_lost(results[i], path)]
    kept = np.setdiff1d(np.arange(len(paths)), lost)
    if not lost:
        return kept
    gone = sorted({*bags} - {*bags[kept]})
    if gone:
        raise ValueError(
            f'{ann_file}: no patch of slide {shorten(gone)} can be read, so '
            'its class cannot be told. Restore the files, or take its lines out.'
        )
    print_log(
        f'{ann_file}: {len(lost)} of {len(paths)} patches could not be read '
        f'and are left out of the metrics: {shorten([paths[i] for i in lost])}.',
        logger,
        level=logging.WARNING,
    )
    return kept


def report_absent(
    labels: np.ndarray, classes: Sequence[str], ann_file: str, logger: Any = None
) -> None:
    """Report the classes that no patch is of."""
    members = np.bincount(labels, minlength=len(classes))
    for c in np.flatnonzero(members == 0):
        print_log(
            f'{ann_file}: no patch, hence no slide, of class {c} '
            f'({classes[int(c)]}) to evaluate; means over classes leave it out.',
            logger,
            level=logging.WARNING,
        )
