"""Memory in which workers hand over batches, used again and again.

A worker's tensor travels in fresh shared memory, which the system hands out page by
page: that costs more than augmenting the images in it. Here a few places per worker are
mapped before the workers are forked.
"""

import itertools
import mmap
import weakref
from typing import Any, Optional

import numpy as np
import torch
from torch.utils.data import get_worker_info

PLACES = 3  # per worker: DataLoader has two on the way, one is with the model
# The memories of this process by number. A batch arrives by being unpickled, and pickle
# passes no context, so the memory can only be found from this module. A loader that
# knew its memory could look it up, but only after torch's pin-memory thread, which
# would then no longer pin the batch.
_memories: 'weakref.WeakValueDictionary[int, BatchMemory]'
_memories = weakref.WeakValueDictionary()
_numbers = itertools.count()


class BatchMemory:
    """Places for uint8 batches.

    A place is free until a worker takes it, and again once the tensor that its reader
    made of it is gone. If none is free, or the worker was not forked, :meth:`take`
    returns None and the caller uses other memory.

    Args:
        workers: number of processes.
        size: bytes of a place.
    """

    def __init__(self, workers: int, size: int) -> None:
        count = PLACES * workers
        memory = mmap.mmap(-1, max(count * (size + 1), 1))
        self._taken = np.frombuffer(memory, np.uint8, count)
        self._places = np.frombuffer(memory, np.uint8, count * size, offset=count)
        self._places = self._places.reshape(count, size)
        self._number = next(_numbers)
        _memories[self._number] = self

    def take(self, shape: tuple[int, ...]) -> Optional['Handed']:
        """Take a place for a batch of this shape in a worker, if there is one."""
        info = get_worker_info()
        size = int(np.prod(shape))
        if info is None or size > self._places.shape[1]:
            return None
        places = range(PLACES * info.id, PLACES * (info.id + 1))
        place = next((i for i in places if not self._taken[i]), None)
        if place is None:
            return None
        self._taken[place] = 1
        return Handed(self._number, place, self._places[place, :size].reshape(shape))

    def receive(self, place: int, shape: tuple[int, ...]) -> torch.Tensor:
        """Return the batch in a place, which is free once that tensor is gone."""
        array = self._places[place, : int(np.prod(shape))].reshape(shape)
        weakref.finalize(array, self._taken.__setitem__, place, 0)
        return torch.from_numpy(array)

    def __reduce__(self) -> Any:
        return BatchMemory, (0, 0)  # a spawned worker has no places


class Handed:
    """A batch on its way to the main process, where it arrives as a tensor.

    Args:
        memory: number of its :class:`BatchMemory`.
        place: index of its place there.
        array: the images, to be written.
    """

    def __init__(self, memory: int, place: int, array: np.ndarray) -> None:
        self.memory, self.place, self.array = memory, place, array

    def __reduce__(self) -> Any:
        return _receive, (self.memory, self.place, self.array.shape)


def _receive(memory: int, place: int, shape: tuple[int, ...]) -> torch.Tensor:
    return _memories[memory].receive(place, shape)
