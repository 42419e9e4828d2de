import os
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from cite.compare.methods.workspace import SharedPatches

from .base import Engine, python_path, slots
from .task import JobResult, Task, run_task


class RayEngine(Engine):
    """Runs jobs in actors of a Ray cluster, each on a CPU and, if there is one, a GPU.

    All nodes need this package, the data under the same paths, and the out folder.

    Args:
        jobs: number of jobs at once; None for one a GPU of the cluster, or one a CPU.
    """

    def __init__(self, jobs: Optional[int] = None) -> None:
        self.jobs = jobs
        self.slots = jobs or 1

    def run(self, tasks: Sequence[Task]) -> Iterator[JobResult]:
        """Yield results; an actor that dies is replaced."""
        import ray

        _join(ray, self.jobs)
        try:
            resources = ray.cluster_resources()
            gpus = int(resources.get('GPU', 0))
            self.slots = self.jobs or gpus or max(int(resources['CPU']), 1)
            remote = ray.remote(num_cpus=1, num_gpus=1 if gpus else 0)(_Actor)
            yield from self._share(ray, remote, deque(tasks))
        finally:
            ray.shutdown()

    def _share(
        self, ray: Any, remote: Any, waiting: deque[Task]
    ) -> Iterator[JobResult]:
        running: dict[Any, tuple[Any, Task]] = {}

        def give(actor: Any) -> None:
            task = waiting.popleft()
            running[actor.run.remote(task)] = actor, task

        for _ in range(min(self.slots, len(waiting))):
            give(remote.remote(os.getcwd()))
        while running:
            (done, *_), _ = ray.wait([*running])
            actor, task = running.pop(done)
            try:
                result = ray.get(done)
            except ray.exceptions.RayError as error:
                text = f'its Ray actor died: {type(error).__name__}'
                result = JobResult(task.name, error=text)
                ray.kill(actor)
                actor = remote.remote(os.getcwd())
            if waiting:
                give(actor)
            yield result


def _join(ray: Any, jobs: Optional[int]) -> None:
    """Join the cluster of ``RAY_ADDRESS``, or start one here."""
    local: dict[str, Any] = {}
    if not os.environ.get('RAY_ADDRESS'):
        local = {'num_cpus': slots(jobs), 'include_dashboard': False}
    # Ray sets OMP_NUM_THREADS itself; the task decides the number of threads.
    environment = {'env_vars': {'PYTHONPATH': python_path()}}
    ray.init(log_to_driver=False, runtime_env=environment, **local)


class _Actor:
    """A process of the cluster that runs many jobs."""

    def __init__(self, folder: str) -> None:
        os.chdir(folder)  # configs and annotation files are named relative to it
        self.patches = SharedPatches()

    def run(self, task: Task) -> JobResult:
        return run_task(task, self.patches)
