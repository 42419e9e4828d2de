from abc import ABCMeta, abstractmethod
from collections.abc import Iterator, Sequence

from .task import Outcome, Task


class Engine(metaclass=ABCMeta):
    """Runs tasks somewhere.

    Args:
        jobs: how many at once; None for as many as there are GPUs, or else cores.
    """

    #: How many run at once, for estimates.
    slots: int = 1

    @abstractmethod
    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yield the outcome of each task when it is there.

        A worker that dies takes one task with it, which comes back as an error.
        """
