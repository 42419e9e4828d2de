"""Images computed one by one on a CPU, as many at a time as there are cores."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Callable

import torch
from torch import Tensor, nn

from cite.models.precision import surrounding_autocast


def each_alone(
    compute: Callable[[Tensor], Any],
    rows: Tensor,
    model: nn.Module,
    threads: int = 0,
) -> list[Any]:
    """Compute each image, or row of features, by itself, on one core of a CPU.

    The last bits of a matrix product on a CPU depend on its number of rows, on a row's
    place among them and on the number of threads. So an image's result does not depend
    on which others are in its batch, nor on how many cores there are.

    Args:
        compute: gets one row, (1, …), in a thread that has the autocast and the
            inference mode of this one, and no gradients.
        rows: (N, …).
        model: what ``compute`` calls; its frozen weights are cast to half precision
            once for all rows.
        threads: how many rows are computed at a time, 0 for one a core.

    Returns:
        what ``compute`` returns of each row; on a GPU, of all rows at once.
    """
    if rows.device.type != 'cpu':
        return [compute(rows)] if len(rows) else []
    results: list[Any] = [None] * len(rows)
    waiting = iter(range(len(rows)))  # shared: each row is taken once
    inference = torch.is_inference_mode_enabled()

    def work(autocast: AbstractContextManager) -> None:
        torch.set_num_threads(1)  # of this thread
        with torch.inference_mode(inference), torch.no_grad(), autocast:
            try:
                for i in waiting:
                    # Copied: the place of the first byte in memory matters too.
                    results[i] = compute(rows[i].clone()[None])
            finally:
                list(waiting)  # after an error nothing more is begun

    with _CORES as cores, _casts_kept(model):
        count = max(min(threads or cores, len(rows)), 1)
        # Made here for each thread, because they are of this thread.
        autocasts = [surrounding_autocast() for _ in range(count)]
        with ThreadPoolExecutor(count) as pool:
            try:
                list(pool.map(work, autocasts))
            finally:
                list(waiting)  # nor after Ctrl-C
    return results


class _Cores:
    """Gives torch's number of threads; keeps it for threads that start afterwards.

    Calls may overlap: each sees the number from before the first, and the last one to
    end restores it.
    """

    def __init__(self) -> None:
        self._lock, self._calls, self._cores = threading.Lock(), 0, 1

    def __enter__(self) -> int:
        with self._lock:
            if not self._calls:
                self._cores = torch.get_num_threads()
            self._calls += 1
            return self._cores

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._calls -= 1
            if not self._calls:
                torch.set_num_threads(self._cores)


_CORES = _Cores()


@contextmanager
def _casts_kept(model: nn.Module) -> Iterator[None]:
    """Have autocast keep its half-precision copies of all weights until the end.

    It keeps those of weights that need a gradient, and would cast all frozen ones again
    for each image, a third of the time of a ViT-B/16.
    """
    frozen = [
        weight
        for weight in model.parameters()
        if weight.is_floating_point()
        and not (weight.requires_grad or weight.is_inference())
    ]
    try:
        for weight in frozen:
            weight.requires_grad_()
        yield
    finally:
        for weight in frozen:
            weight.requires_grad_(False)
