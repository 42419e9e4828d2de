"""Tiles from a slide through loading processes to the model, in bounded memory."""

import gc
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, SequentialSampler

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


class TileStream(Dataset):
    """The tiles of a source, as a loading process reads them: a batch at a time.

    Each tile is written into the batch's memory while it is in the processor's cache.

    Args:
        source: ``len`` and ``tile(index)``, which raises ``TileError`` or
            ``UnreadablePatchError`` for a tile that cannot be read.
        pixels: makes the model's input of what ``tile`` returns.
        memory: where batches of bytes are handed over; None for fresh memory.
    """

    def __init__(
        self, source: Any, pixels: Any, memory: Optional[BatchMemory] = None
    ) -> None:
        self.source, self.pixels, self.memory = source, pixels, memory

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        rows = _Rows(self.memory, len(indices))
        read: list[int] = []
        faults: list[tuple[int, str]] = []
        for index in indices:
            try:
                rows.append(torch.as_tensor(self.pixels(self.source.tile(index))))
                read.append(index)
            except TileError as error:
                faults.append((index, error.reason))
            except UnreadablePatchError as error:
                faults.append((index, first_line(error)))
            except (OSError, ValueError) as error:
                # Raised in the main process, without the loader's own heading.
                return Batch(np.zeros(0, np.int64), None, [], first_line(error))
        return Batch(np.array(read, np.int64), rows.all(), faults)


class _Rows:
    """Tensors of one shape in one piece of memory.

    Args:
        memory: see :class:`TileStream`.
        most: number of rows that there may be.
    """

    def __init__(self, memory: Optional[BatchMemory], most: int) -> None:
        self._memory, self._most, self._number = memory, most, 0
        self._handed: Any = None
        self._rows: Any = None

    def append(self, row: Tensor) -> None:
        if self._rows is None:
            shape = (self._most, *row.shape)
            if self._memory is not None and row.dtype == torch.uint8:
                self._handed = self._memory.take(shape)
            if self._handed is None:
                self._rows = torch.empty(shape, dtype=row.dtype)
            else:
                self._rows = torch.from_numpy(self._handed.array)
            self._arrays = self._rows.numpy()
        self._arrays[self._number] = row.numpy()  # torch's copy takes longer
        self._number += 1

    def all(self) -> Any:
        """Return the rows, on their way perhaps Handed; None of none."""
        if self._handed is not None:
            self._handed.array = self._handed.array[: self._number]
            return self._handed
        return None if self._rows is None else self._rows[: self._number]


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
    tiles = TileStream(source, pixels, memory)
    loader: DataLoader = DataLoader(
        tiles,
        batch_size=None,  # the data set makes them
        sampler=BatchSampler(SequentialSampler(tiles), batch_size, False),
        collate_fn=_as_it_is,  # torch's would make tensors of arrays
        num_workers=workers,
        multiprocessing_context=start_method(workers),
        **ways,
    )
    for batch in loader:
        if batch.failure:
            raise ValueError(batch.failure)
        yield batch


def _start_worker(worker: int) -> None:
    """Exempt what was there before the fork from this process's garbage collector."""
    gc.freeze()


def _as_it_is(batch: Any) -> Any:
    return batch
