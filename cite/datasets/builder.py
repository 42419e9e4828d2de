"""mmcls draws training images by a shuffle per epoch, or by the config's sampler.

Ours come from a sampler that the data set's own arguments choose (``patch_balance``,
``slide_balance``), so ``train_model`` asks the data set. Their images are augmented
where a batch is put together, straight into its memory. ``workers_per_gpu=0`` needs
``persistent_workers=False``, which mmcls leaves to the user.
"""

import functools
import gc
import importlib
from typing import Any, Callable, Optional

from mmcv.runner import EpochBasedRunner
from torch.utils.data import DataLoader, Dataset

from cite.datasets.pipelines.pixels import load_kernels
from cite.datasets.storage.batch_memory import BatchMemory

from .collate import collate
from .samplers import BalancedSampler, sampler_cfg_of


def install() -> None:
    """Wrap ``build_dataloader`` as ``train_model`` sees it, and the epoch runner."""
    train: Any = importlib.import_module('mmcls.apis.train')
    if not getattr(train.build_dataloader, 'asks_dataset', False):
        train.build_dataloader = _ask_dataset(train.build_dataloader)
        EpochBasedRunner.train = _end_epochs(EpochBasedRunner.train)


def _ask_dataset(original: Any) -> Any:
    @functools.wraps(original)
    def build_dataloader(
        dataset: Dataset,
        samples_per_gpu: int,
        workers_per_gpu: int,
        *args: Any,
        sampler_cfg: Optional[dict] = None,
        **kwargs: Any,
    ) -> DataLoader:
        sampler_cfg = sampler_cfg or sampler_cfg_of(dataset)
        if sampler_cfg and sampler_cfg['type'] == 'BalancedSampler':
            sampler_cfg = {'samples_per_replica': samples_per_gpu, **sampler_cfg}
        if workers_per_gpu == 0:
            kwargs['persistent_workers'] = False
        loader = original(
            dataset,
            samples_per_gpu,
            workers_per_gpu,
            *args,
            sampler_cfg=sampler_cfg,
            **kwargs,
        )
        augment_in_batches(loader, samples_per_gpu)
        return loader

    build_dataloader.asks_dataset = True  # type: ignore[attr-defined]
    return build_dataloader


def augment_in_batches(loader: DataLoader, samples_per_gpu: int) -> None:
    """Let a loader of ours put its batches together with :func:`collate`.

    Args:
        loader: drawn from by a :class:`BalancedSampler`; any other stays as it is.
        samples_per_gpu: images of a device's batch.
    """
    if isinstance(loader.sampler, BalancedSampler):
        loader.sampler.pending = True
        size = getattr(loader.dataset, 'image_bytes', 0) * (loader.batch_size or 0)
        kernels: Any = load_kernels() if size and loader.num_workers else None
        if kernels is not None:
            kernels.warm_up()
        prepare_workers(loader, samples_per_gpu, size)


def prepare_workers(loader: DataLoader, samples_per_gpu: int, size: int) -> None:
    """Give workers memory for their batches, and leave the forked heap alone.

    Args:
        loader: of items of a data set of ours.
        samples_per_gpu: images of a device's batch.
        size: bytes of a worker's batch of images.
    """
    memory = BatchMemory(loader.num_workers, size)
    loader.collate_fn = functools.partial(
        collate, samples_per_gpu=samples_per_gpu, memory=memory
    )
    loader.worker_init_fn = functools.partial(_start_worker, loader.worker_init_fn)


def _start_worker(original: Optional[Callable[[int], None]], worker: int) -> None:
    """Exempt what was there before the fork from the worker's garbage collector.

    It would go through every object of the libraries again and again, and in doing so
    write to, and thereby copy, each page of memory that is shared with the parent.
    """
    gc.freeze()
    if original is not None:
        original(worker)


def _end_epochs(original: Any) -> Any:
    """Give an epoch-based run epochs: one pass of an otherwise endless sampler."""

    @functools.wraps(original)
    def train(self: EpochBasedRunner, data_loader: DataLoader, **kwargs: Any) -> None:
        if isinstance(data_loader.sampler, BalancedSampler):
            data_loader.sampler.endless = False
            data_loader.sampler.set_epoch(self.epoch)
        original(self, data_loader, **kwargs)

    return train
