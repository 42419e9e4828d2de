"""Items become a batch; images that are pending are augmented on the way."""

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import torch
from mmcv.parallel import collate as _collate

from cite.datasets.pipelines.augmentation import PendingPatch
from cite.datasets.storage.batch_memory import BatchMemory


def collate(
    items: Sequence[dict[str, Any]],
    samples_per_gpu: int,
    memory: Optional[BatchMemory] = None,
) -> dict[str, Any]:
    """Put items together as mmcv does.

    Args:
        items: items of a data set; ``img`` of all or of none is a
            :class:`PendingPatch`.
        samples_per_gpu: images of one device's batch.
        memory: memory in which a worker puts batches of pending patches.

    Returns:
        The batch; ``img`` made of pending patches is (N, 3, H, W), uint8.
    """
    if not isinstance(items[0].get('img'), PendingPatch):
        return _collate(items, samples_per_gpu=samples_per_gpu)
    patches = [item['img'] for item in items]
    rest = [{k: v for k, v in item.items() if k != 'img'} for item in items]
    batch = _collate(rest, samples_per_gpu=samples_per_gpu) if rest[0] else {}
    return {'img': _stack(patches, memory), **batch}


def _stack(patches: Sequence[PendingPatch], memory: Optional[BatchMemory]) -> Any:
    """Augment patches into one tensor, or into memory that arrives as a tensor."""
    shape = (len(patches), *patches[0].planes.shape)
    handed = None if memory is None else memory.take(shape)
    array = np.empty(shape, np.uint8) if handed is None else handed.array
    for patch, out in zip(patches, array):
        patch.write(out)
    return torch.from_numpy(array) if handed is None else handed
