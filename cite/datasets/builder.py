"""Data loaders as mmcls builds them, for data sets that know how they are drawn.

mmcls draws training images by a shuffle per epoch, or by the config's sampler. Ours are
drawn by a sampler that the data set's own arguments choose (``patch_balance``,
``slide_balance``), and augmented where a batch is put together, straight into its
memory. ``workers_per_gpu=0`` needs ``persistent_workers=False``, which mmcls leaves to
the user.
"""

import functools
import gc
import warnings
from collections.abc import Sequence
from typing import Any, Callable, Optional

import mmcls.datasets
import numpy as np
import torch
from mmcv.parallel import collate as _collate
from torch.utils.data import DataLoader, Dataset, get_worker_info

from cite.core.load_kernels import load_kernels
from cite.core.workers import start_method

from .feature_loader import FeatureLoader, reads_features
from .kfold_dataset import refuse_folds
from .pipelines.augmentation import PendingPatch
from .samplers import BalancedSampler, sampler_cfg_of
from .storage.batch_memory import BatchMemory

_build_dataloader = mmcls.datasets.build_dataloader


def build_dataloader(
    dataset: Dataset,
    samples_per_gpu: int,
    workers_per_gpu: int,
    *args: Any,
    sampler_cfg: Optional[dict] = None,
    **kwargs: Any,
) -> DataLoader:
    """Build a loader as mmcls does.

    Args:
        dataset: data set to load from; ours say how they want to be drawn.
        samples_per_gpu: images of one device's batch.
        workers_per_gpu: processes that load, for each device.
        sampler_cfg: config of a sampler, which overrides the data set's.
        *args, **kwargs: further arguments of mmcls' function.

    Returns:
        A loader; of features, one that makes whole batches at once.

    Raises:
        ValueError: mmcls' KFoldDataset around patches of slides.
    """
    refuse_folds(dataset)
    sampler_cfg = sampler_cfg or sampler_cfg_of(dataset)
    if sampler_cfg and sampler_cfg['type'] == 'BalancedSampler':
        sampler_cfg = {'samples_per_replica': samples_per_gpu, **sampler_cfg}
    if workers_per_gpu == 0:
        kwargs['persistent_workers'] = False
    kwargs['sampler_cfg'] = sampler_cfg
    kwargs.setdefault('multiprocessing_context', start_method(workers_per_gpu))
    kwargs.setdefault('pin_memory', torch.cuda.is_available())
    with warnings.catch_warnings():
        # torch advises fewer workers than the config asks for.
        warnings.filterwarnings('ignore', message='This DataLoader will create')
        loader = _build_dataloader(
            dataset, samples_per_gpu, workers_per_gpu, *args, **kwargs
        )
    if reads_features(dataset):
        return FeatureLoader.in_place_of(loader)
    if isinstance(loader.sampler, BalancedSampler):
        _augment_in_batches(loader, samples_per_gpu)
    elif loader.num_workers and _evaluates_bytes(dataset):
        size = getattr(dataset, 'image_bytes', 0) * (loader.batch_size or 0)
        prepare_workers(loader, samples_per_gpu, size)
        loader.worker_init_fn = functools.partial(_hold_back, loader.worker_init_fn)
    return loader


def _evaluates_bytes(dataset: Any) -> bool:
    """Tell whether batches of an evaluation can take the way of training's.

    torch would pass them through /dev/shm, of which a container has 64 MB by default.
    """
    if getattr(dataset, 'on_error', 'raise') == 'skip':  # bytes cannot be NaN
        return False
    return getattr(dataset, 'test_mode', False) and getattr(dataset, 'image_bytes', 0)


def _hold_back(original: Callable[[int], None], worker: int) -> None:
    """Let a worker's data set leave its images to :func:`collate`."""
    info: Any = get_worker_info()
    info.dataset.pending = True
    original(worker)


def _augment_in_batches(loader: DataLoader, samples_per_gpu: int) -> None:
    """Let a loader of ours put its batches together with :func:`collate`."""
    dataset: Any = loader.dataset
    dataset.pending = True
    size = getattr(dataset, 'image_bytes', 0) * (loader.batch_size or 0)
    kernels: Any = load_kernels() if size and loader.num_workers else None
    if kernels is not None:
        kernels.warm_up()
    prepare_workers(loader, samples_per_gpu, size)


def prepare_workers(loader: DataLoader, samples_per_gpu: int, size: int) -> None:
    """Give workers memory for batches of ``size`` bytes, and exempt the forked heap."""
    memory = BatchMemory(loader.num_workers, size)
    loader.collate_fn = functools.partial(
        collate, samples_per_gpu=samples_per_gpu, memory=memory
    )
    loader.worker_init_fn = functools.partial(_start_worker, loader.worker_init_fn)


def _start_worker(original: Optional[Callable[[int], None]], worker: int) -> None:
    """Exempt what was there before the fork from the worker's garbage collector.

    The collector would go through every object of the libraries again and again, and
    would thereby write to, and so copy, each page of memory shared with the parent.
    """
    gc.freeze()
    if original is not None:
        original(worker)


def collate(
    items: Sequence[dict[str, Any]],
    samples_per_gpu: int,
    memory: Optional[BatchMemory] = None,
) -> dict[str, Any]:
    """Put items together as mmcv does, and augment images that are pending.

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
