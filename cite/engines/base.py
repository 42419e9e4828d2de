"""What engines have in common: how many tasks fit, and how one is made by name."""

import os
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

ENGINES = ('local', 'ray', 'slurm')
_MODULES = {'ray': 'ray', 'slurm': 'submitit'}
#: The folder that holds the package: a checkout, or site-packages.
ROOT = Path(__file__).resolve().parents[2]

#: Makes what a worker keeps between tasks, such as a model.
Start = Callable[[], Any]
#: Runs a task with it, and returns the result.
Run = Callable[[Any, Any], Any]


class Outcome(NamedTuple):
    """What became of a task: a result, or the reason why there is none."""

    task: Any
    result: Any = None
    error: Optional[str] = None


class Engine(metaclass=ABCMeta):
    """Runs tasks somewhere."""

    #: How many run at once, for estimates.
    slots: int = 1

    def prepare(self, run: Run) -> None:  # noqa: B027 (most need nothing)
        """Start what takes time and need not wait for the tasks.

        Args:
            run: the function that ``run`` will get.
        """

    @abstractmethod
    def run(self, tasks: Sequence[Any], run: Run, start: Start) -> Iterator[Outcome]:
        """Yield the outcome of each task as soon as it is there, in any order.

        An exception in a task, or a worker that dies, fails this task alone.

        Args:
            tasks: what to run; picklable, as ``run`` and ``start`` and the results.
            run: called with a task and what ``start`` returned.
            start: called once by each worker, before its first task.
        """


class Worker:
    """Runs tasks one after another in the process that holds it."""

    def __init__(self, run: Run, start: Start) -> None:
        self._run, self._start = run, start
        self._state: Any = None
        self._started = False

    def __call__(self, task: Any) -> tuple[Any, Optional[str]]:
        """Return the result and None, or None and the reason."""
        try:
            if not self._started:
                self._state = self._start()
                self._started = True
            return self._run(task, self._state), None
        except Exception as error:
            return None, f'{type(error).__name__}: {" ".join(str(error).split())}'


def make_engine(
    name: str, jobs: Optional[int], options: dict[str, Any], folder: str
) -> Engine:
    """Make an engine by name.

    Args:
        name: one of ``ENGINES``.
        jobs: number of tasks that run at once.
        options: parameters for submitit, with ``slurm``.
        folder: folder for submitit's files.

    Raises:
        ValueError: an unknown name, no task at once, or a module that is not installed.
    """
    if name not in ENGINES:
        raise ValueError(f'--engine {name}: choose one of {", ".join(ENGINES)}.')
    if jobs is not None and jobs < 1:
        raise ValueError(f'--jobs {jobs}: give 1 or more.')
    module = _MODULES.get(name)
    if module and find_spec(module) is None:
        raise ValueError(f'--engine {name} needs it: pip install {module}.')
    if name == 'ray':
        from .ray import RayEngine

        return RayEngine(jobs)
    if name == 'slurm':
        from .slurm import SlurmEngine

        return SlurmEngine(jobs, options, folder)
    from .local import LocalEngine

    return LocalEngine(jobs)


def slots(jobs: Optional[int]) -> int:
    """Return how many tasks run at once: as asked, or one a GPU, or one a core."""
    return jobs or _gpus() or len(os.sched_getaffinity(0))


def gpu_of(slot: int) -> Optional[str]:
    """Return a slot's GPU as CUDA_VISIBLE_DEVICES names it; None without GPUs."""
    number = _gpus()
    if not number:
        return None
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    names = visible.split(',') if visible else [str(i) for i in range(number)]
    return names[slot % number]


def _gpus() -> int:
    import torch  # not above: `--help` imports this module, and needs no torch

    return torch.cuda.device_count()


def python_path() -> str:
    """Return the PYTHONPATH with which a worker on another node finds this package."""
    paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
    return os.pathsep.join(filter(None, paths))
