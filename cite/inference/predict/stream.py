"""Tiles from a slide through loading processes to the model, in bounded memory."""

import gc
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, Optional

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cite.core.files.patch_file import UnreadablePatchError
from cite.core.load_kernels import load_kernels
from cite.core.messages import first_line
from cite.core.workers import start_method
from cite.datasets.storage.batch_memory import BatchMemory
from cite.slides import TileError

_PREFETCH = 2  # batches that each process holds ready


class Batch(NamedTuple):
    """Tiles as the model takes them, and those that could not be read."""

    indices: np.ndarray  # (B,) of the tiles that were read
    pixels: Any  # Tensor (B, …), on its way perhaps Handed; None if none was read
    faults: list[tuple[int, str]]  # index and reason
    failure: str = ''  # of the whole slide


class _Item(NamedTuple):
    number: int
    pixels: Optional[Tensor]
    fault: str = ''  # of this tile
    failure: str = ''  # of the whole slide


class TileStream(Dataset):
    """The tiles of a source, as a loading process reads them.

    Args:
        source: ``len`` and ``tile(index)``, which raises ``TileError`` or
            ``UnreadablePatchError`` for a tile that cannot be read.
        pixels: makes the model's input of what ``tile`` returns.
    """

    def __init__(self, source: Any, pixels: Any) -> None:
        self.source, self.pixels = source, pixels

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> _Item:
        try:
            return _Item(index, self.pixels(self.source.tile(index)))
        except TileError as error:
            return _Item(index, None, fault=error.reason)
        except UnreadablePatchError as error:
            return _Item(index, None, fault=first_line(error))
        except (OSError, ValueError) as error:
            # Raised in the main process, without the loader's own heading.
            return _Item(index, None, failure=first_line(error))


def stream(
    source: Any, pixels: Any, batch_size: int, workers: int, item_bytes: int = 0
) -> Iterator[Batch]:
    """Yield the tiles of a source in their order.

    A batch of bytes comes through memory that is used again and again; any other
    through fresh shared memory, which takes longer and of which a container has 64 MB.

    Args:
        source: see :class:`TileStream`.
        pixels: see :class:`TileStream`.
        batch_size: tiles at once.
        workers: loading processes; 0 reads in this one.
        item_bytes: bytes of what ``pixels`` makes, if it is uint8; else 0.

    Raises:
        ValueError: the slide cannot be read any more.
    """
    ways: Any = {'prefetch_factor': _PREFETCH} if workers else {}
    memory, kernels = None, load_kernels()
    if workers:
        memory = BatchMemory(workers, batch_size * item_bytes)
        ways['worker_init_fn'] = _start_worker
        if kernels is not None:
            kernels.warm_up()  # once, not in each process
    loader: DataLoader = DataLoader(
        TileStream(source, pixels),
        batch_size=batch_size,
        num_workers=workers,
        multiprocessing_context=start_method(workers),
        # In the loading process: one tensor a batch goes through the queue.
        collate_fn=partial(_collate, memory=memory),
        **ways,
    )
    for batch in loader:
        if batch.failure:
            raise ValueError(batch.failure)
        yield batch


def _start_worker(worker: int) -> None:
    """Exempt what was there before the fork from this process's garbage collector."""
    gc.freeze()


def _collate(items: Sequence[_Item], memory: Optional[BatchMemory]) -> Batch:
    failure = next((item.failure for item in items if item.failure), '')
    if failure:
        return Batch(np.zeros(0, np.int64), None, [], failure)
    read = [item for item in items if not item.fault]
    return Batch(
        np.array([item.number for item in read], np.int64),
        _stack([torch.as_tensor(item.pixels) for item in read], memory),
        [(item.number, item.fault) for item in items if item.fault],
    )


def _stack(tensors: Sequence[Tensor], memory: Optional[BatchMemory]) -> Any:
    """Stack tensors, in memory that arrives as one if they are bytes; None of none."""
    if not tensors:
        return None
    if memory is not None and tensors[0].dtype == torch.uint8:
        handed = memory.take((len(tensors), *tensors[0].shape))
        if handed is not None:
            torch.stack(list(tensors), out=torch.from_numpy(handed.array))
            return handed
    return torch.stack(list(tensors))
