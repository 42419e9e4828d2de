"""What ``on_error='skip'`` does with images that cannot be read."""

import logging
from collections.abc import Sequence
from typing import Any, Callable

import numpy as np
import torch
from mmcv.parallel import DataContainer
from mmcv.utils import print_log

from cite.core.files.patch_file import UnreadablePatchError, read_patch_file
from cite.core.messages import shorten

ERRORS = (FileNotFoundError, UnreadablePatchError)


class Unreadable:
    """The images of a data set that could not be read, and what replaces them.

    In training it is the next readable patch of the same class: a function of the draw
    and the files alone, augmented as the draw determines. In evaluation nothing can
    replace a patch: its image is NaN, so are its scores, and the metrics omit it.

    The marks are in shared memory, so the main process sees those of its workers.

    Args:
        labels: class of each patch, (N,).
    """

    def __init__(self, labels: np.ndarray) -> None:
        self._labels = labels
        self._marks = torch.zeros(len(labels), dtype=torch.uint8).share_memory_()

    def __contains__(self, index: int) -> bool:
        return bool(self._marks[int(index)])

    def replace(
        self, index: int, load: Callable[[int], dict], evaluating: bool
    ) -> dict:
        """Return the item that replaces an unreadable one.

        Args:
            index: the unreadable patch.
            load: runs the pipeline on a patch; raises one of ``ERRORS``.
            evaluating: whether the item's scores must become NaN.

        Raises:
            ValueError: no patch of the class can be read, or, in evaluation, the
                pipeline makes no tensor that can become NaN.
        """
        self._marks[index] = 1
        same = np.flatnonzero(self._labels == self._labels[index])
        start = int(np.searchsorted(same, index))
        for other in np.roll(same, -start)[1:].tolist():
            if other in self:
                continue
            try:
                item = load(other)
            except ERRORS:
                self._marks[other] = 1
                continue
            return _unscored(item) if evaluating else item
        raise ValueError('no patch of this class can be read.')


def readable(
    results: Sequence[np.ndarray],
    paths: Sequence[str],
    bags: np.ndarray,
    ann_file: str,
    logger: Any = None,
) -> np.ndarray:
    """Return the positions of the patches that could be read, and report the others.

    Args:
        results: scores of each patch, N of (K,).
        paths: image of each patch, N.
        bags: slide of each patch, (N,).
        ann_file: annotation file, named in messages.
        logger: logger of the warning.

    Raises:
        ValueError: no patch of a slide can be read.
    """
    lost = [i for i, path in enumerate(paths) if _is_lost(results[i], path)]
    kept = np.setdiff1d(np.arange(len(paths)), lost)
    if not lost:
        return kept
    lost_slides = sorted({*bags} - {*bags[kept]})
    if lost_slides:
        raise ValueError(
            f'{ann_file}: no patch of slide {shorten(lost_slides)} can be read, so '
            'its class cannot be predicted. Restore the files, or delete its lines.'
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
    """Report the classes without any patch."""
    members = np.bincount(labels, minlength=len(classes))
    for c in np.flatnonzero(members == 0):
        print_log(
            f'{ann_file}: no patch, hence no slide, of class {c} '
            f'({classes[int(c)]}) to evaluate; means over classes leave it out.',
            logger,
            level=logging.WARNING,
        )


def _is_lost(scores: np.ndarray, path: str) -> bool:
    """Tell whether a patch has no scores (K,) because its image cannot be read.

    A model whose weights have diverged scores NaN too: the file decides.
    """
    if not np.isnan(scores).all():
        return False
    try:
        read_patch_file(path)
    except ERRORS:
        return True
    return False


def _unscored(item: dict[str, Any]) -> dict[str, Any]:
    """Return the item with an image that is NaN when the model gets it."""
    image = item.get('img')
    if isinstance(image, torch.Tensor) and image.is_floating_point():
        return {**item, 'img': torch.full_like(image, float('nan'))}
    meta = getattr(item.get('img_metas'), 'data', None) or {}
    if getattr(image, 'dtype', None) == torch.uint8 and meta.get('img_norm_cfg'):
        # uint8 has no NaN: cite.models.classifiers.normalize makes it with this mean.
        norm_cfg = {**meta['img_norm_cfg'], 'mean': [float('nan')] * 3}
        lost = DataContainer({**meta, 'img_norm_cfg': norm_cfg}, cpu_only=True)
        return {**item, 'img_metas': lost}
    raise ValueError(
        "on_error='skip' in evaluation needs a pipeline that makes a tensor of floats, "
        "or of uint8 with 'img_norm_cfg' among the meta_keys of Collect: the scores of "
        'an unreadable patch are NaN.'
    )
