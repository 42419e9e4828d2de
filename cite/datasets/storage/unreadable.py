"""What ``on_error='skip'`` does with images that cannot be read."""

from collections.abc import Iterator
from typing import Any, Callable

import numpy as np
import torch
from mmcv.parallel import DataContainer

from cite.datasets.pipelines.patch import UnreadablePatchError, read_patch

ERRORS = (FileNotFoundError, UnreadablePatchError)
ON_ERROR = ('raise', 'skip')


class Unreadable:
    """The images of a data set that could not be read, and what stands in for them.

    In training it is the next readable patch of the same class: a function of the draw
    and the files alone, and augmented as the draw says. In evaluation nothing can stand
    in for a patch: its image is NaN, so are its scores, and the metrics leave it out.

    The marks lie in shared memory, so that those of worker processes are seen here.

    Args:
        labels: class of each patch, (N,).
    """

    def __init__(self, labels: np.ndarray) -> None:
        self._labels = labels
        self._marks = torch.zeros(len(labels), dtype=torch.uint8).share_memory_()

    def __contains__(self, index: int) -> bool:
        return bool(self._marks[int(index)])

    def indices(self) -> np.ndarray:
        """Return the patches marked so far."""
        return np.flatnonzero(self._marks.numpy())

    def marks(self) -> torch.Tensor:
        """Return a copy of the marks, (N,): 1 for an unreadable patch."""
        return self._marks.clone()

    def replace(
        self, index: int, load: Callable[[int], dict], evaluating: bool
    ) -> dict:
        """Return an item in the place of an unreadable one.

        Args:
            index: the unreadable patch.
            load: runs the pipeline on a patch; raises one of ``ERRORS``.
            evaluating: the item must not be scored.

        Raises:
            ValueError: no patch of the class can be read, or, in evaluation, the
                pipeline makes no tensor that can become NaN.
        """
        self._marks[index] = 1
        for other in self._candidates(index):
            try:
                item = load(other)
            except ERRORS:
                self._marks[other] = 1
                continue
            return _unscored(item) if evaluating else item
        raise ValueError('no patch of this class can be read.')

    def _candidates(self, index: int) -> Iterator[int]:
        same = np.flatnonzero(self._labels == self._labels[index])
        start = int(np.searchsorted(same, index))
        for other in np.roll(same, -start)[1:].tolist():
            if other not in self:
                yield other


def check_on_error(on_error: str) -> str:
    """Return the setting if there is such a one.

    Raises:
        ValueError: there is not.
    """
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error={on_error!r}; it is 'raise' or 'skip'.")
    return on_error


def is_lost(scores: np.ndarray, path: str) -> bool:
    """Tell whether a patch has no scores (K,) because its image cannot be read.

    A model whose weights have diverged scores NaN too: the file decides.
    """
    if not np.isnan(scores).all():
        return False
    try:
        read_patch({'img_info': {'filename': path}})
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
