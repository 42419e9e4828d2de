"""What engines have in common: how many jobs fit, and how one is made by name."""

import os
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any, Optional

import torch

from .task import ROOT, JobResult, Task

ENGINES = ('local', 'ray', 'slurm')
_MODULES = {'ray': 'ray', 'slurm': 'submitit'}


class Engine(metaclass=ABCMeta):
    """Runs tasks somewhere."""

    #: How many run at once, for estimates.
    slots: int = 1

    @abstractmethod
    def run(self, tasks: Sequence[Task]) -> Iterator[JobResult]:
        """Yield the result of each task as soon as it is there.

        A worker that dies fails one task, whose result is an error.
        """


def make_engine(
    name: str, jobs: Optional[int], options: dict[str, Any], folder: str
) -> Engine:
    """Make an engine by name.

    Args:
        name: one of ``ENGINES``.
        jobs: number of jobs that run at once.
        options: parameters for submitit, with ``slurm``.
        folder: folder for submitit's files.

    Raises:
        ValueError: an unknown name, no job at once, or a module that is not installed.
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
    """Return how many jobs run at once: as asked, or one a GPU, or one a core."""
    return jobs or torch.cuda.device_count() or len(os.sched_getaffinity(0))


def gpu_of(slot: int) -> Optional[str]:
    """Return a slot's GPU as CUDA_VISIBLE_DEVICES names it; None without GPUs."""
    number = torch.cuda.device_count()
    if not number:
        return None
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    names = visible.split(',') if visible else [str(i) for i in range(number)]
    return names[slot % number]


def python_path() -> str:
    """Return the PYTHONPATH with which a worker on another node finds this package."""
    paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
    return os.pathsep.join(filter(None, paths))
