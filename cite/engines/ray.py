import os
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from .base import Engine, Outcome, Run, Start, Worker, python_path, slots


class RayEngine(Engine):
    """Runs tasks in actors of a Ray cluster, each on a CPU and, if there is one, a GPU.

    All nodes need this package, the data under the same paths, and the out folder.

    Args:
        jobs: number of tasks at once; None for one a GPU of the cluster, or one a CPU.
    """

    def __init__(self, jobs: Optional[int] = None) -> None:
        self.jobs = jobs
        self.slots = jobs or 1

    def run(self, tasks: Sequence[Any], run: Run, start: Start) -> Iterator[Outcome]:
        """Yield outcomes; an actor that dies is replaced."""
        import ray

        _join(ray, self.jobs)
        try:
            resources = ray.cluster_resources()
            gpus = int(resources.get('GPU', 0))
            self.slots = self.jobs or gpus or max(int(resources['CPU']), 1)
            actor = ray.remote(num_cpus=1, num_gpus=1 if gpus else 0)(_Actor)
            yield from self._share(
                ray, lambda: actor.remote(os.getcwd(), run, start), deque(tasks)
            )
        finally:
            ray.shutdown()

    def _share(self, ray: Any, begin: Any, waiting: deque[Any]) -> Iterator[Outcome]:
        """Give tasks to actors, which ``begin`` makes."""
        running: dict[Any, tuple[Any, Any]] = {}

        def give(actor: Any) -> None:
            task = waiting.popleft()
            running[actor.run.remote(task)] = actor, task

        for _ in range(min(self.slots, len(waiting))):
            give(begin())
        while running:
            (done, *_), _ = ray.wait([*running])
            actor, task = running.pop(done)
            try:
                outcome = Outcome(task, *ray.get(done))
            except ray.exceptions.RayError as error:
                text = f'its Ray actor died: {type(error).__name__}'
                outcome = Outcome(task, error=text)
                ray.kill(actor)
                actor = begin()
            if waiting:
                give(actor)
            yield outcome


def _join(ray: Any, jobs: Optional[int]) -> None:
    """Join the cluster of ``RAY_ADDRESS``, or start one here."""
    local: dict[str, Any] = {}
    if not os.environ.get('RAY_ADDRESS'):
        local = {'num_cpus': slots(jobs), 'include_dashboard': False}
    # Ray sets OMP_NUM_THREADS itself; the task decides the number of threads.
    environment = {'env_vars': {'PYTHONPATH': python_path()}}
    ray.init(log_to_driver=False, runtime_env=environment, **local)


class _Actor:
    """A process of the cluster that runs many tasks."""

    def __init__(self, folder: str, run: Run, start: Start) -> None:
        os.chdir(folder)  # files are named relative to it
        self.worker = Worker(run, start)

    def run(self, task: Any) -> tuple[Any, Optional[str]]:
        return self.worker(task)
