"""Items become a batch; images that are pending are augmented on the way."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmcv.parallel import collate as _collate
from torch.utils.data import get_worker_info

from .pipelines.augmentation import PendingPatch


def collate(items: Sequence[dict[str, Any]], samples_per_gpu: int) -> dict[str, Any]:
    """Put items together as mmcv does.

    Args:
        items: of a data set. An ``img`` may be a :class:`PendingPatch`, all are then.
        samples_per_gpu: as mmcv has it.

    Returns:
        The batch; of pending patches ``img`` is (N, 3, H, W), uint8.
    """
    if not isinstance(items[0].get('img'), PendingPatch):
        return _collate(items, samples_per_gpu=samples_per_gpu)
    patches = [item['img'] for item in items]
    rest = [{k: v for k, v in item.items() if k != 'img'} for item in items]
    batch = _collate(rest, samples_per_gpu=samples_per_gpu) if rest[0] else {}
    return {'img': _stack(patches), **batch}


def _stack(patches: Sequence[PendingPatch]) -> torch.Tensor:
    """Augment patches into one tensor; a worker's lies where its reader finds it."""
    shape = (len(patches), *patches[0].planes.shape)
    if get_worker_info() is None:
        images = torch.empty(shape, dtype=torch.uint8)
    else:
        storage = torch.UntypedStorage._new_shared(int(np.prod(shape)))
        images = torch.empty(0, dtype=torch.uint8).set_(storage).view(shape)
    for patch, out in zip(patches, images.numpy()):
        patch.write(out)
    return images
