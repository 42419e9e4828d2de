"""A Ray cluster: the one of ``RAY_ADDRESS``, or one on this machine."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

from .base import Engine
from .devices import slots
from .task import Outcome, Task, run_task

_ROOT = Path(__file__).resolve().parents[3]


class RayEngine(Engine):
    """Runs jobs in actors of a Ray cluster, each on a CPU and, where there are, a GPU.

    All nodes need this package, the data under the same paths, and the out folder.

    Args:
        jobs: how many at once; None for one a GPU of the cluster, or one a CPU.
    """

    def __init__(self, jobs: Optional[int] = None) -> None:
        self.jobs = jobs
        self.slots = jobs or 1

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yield outcomes; an actor that dies is replaced."""
        import ray

        _join(ray, self.jobs)
        try:
            has = ray.cluster_resources()
            gpus = int(has.get('GPU', 0))
            self.slots = self.jobs or gpus or max(int(has['CPU']), 1)
            remote = ray.remote(num_cpus=1, num_gpus=1 if gpus else 0)(_Actor)
            yield from self._share(ray, remote, deque(tasks))
        finally:
            ray.shutdown()

    def _share(self, ray: Any, remote: Any, waiting: deque[Task]) -> Iterator[Outcome]:
        flying: dict[Any, tuple[Any, Task]] = {}

        def give(actor: Any) -> None:
            task = waiting.popleft()
            flying[actor.run.remote(task)] = actor, task

        for _ in range(min(self.slots, len(waiting))):
            give(remote.remote(os.getcwd()))
        while flying:
            (done, *_), _ = ray.wait([*flying])
            actor, task = flying.pop(done)
            try:
                outcome = ray.get(done)
            except ray.exceptions.RayError as error:
                text = f'its Ray actor died: {type(error).__name__}'
                outcome = Outcome(task.name, error=text)
                ray.kill(actor)
                actor = remote.remote(os.getcwd())
            if waiting:
                give(actor)
            yield outcome


def _join(ray: Any, jobs: Optional[int]) -> None:
    """Join the cluster of ``RAY_ADDRESS``, or start one here."""
    paths = [str(_ROOT), os.environ.get('PYTHONPATH', '')]
    # Ray sets OMP_NUM_THREADS itself; the number of threads is the task's.
    variables = {'PYTHONPATH': os.pathsep.join(filter(None, paths))}
    options: dict[str, Any] = {'runtime_env': {'env_vars': variables}}
    if not os.environ.get('RAY_ADDRESS'):
        options.update(num_cpus=slots(jobs), include_dashboard=False)
    ray.init(log_to_driver=False, **options)


class _Actor:
    """A process of the cluster that runs many jobs."""

    def __init__(self, folder: str) -> None:
        os.chdir(folder)  # configs and annotation files are named from there

    def run(self, task: Task) -> Outcome:
        return run_task(task)
