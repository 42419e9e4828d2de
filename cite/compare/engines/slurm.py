"""A Slurm cluster, through submitit."""

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

from .base import Engine
from .task import Outcome, Task, run_task

_ROOT = Path(__file__).resolve().parents[3]
_POLL = 1.0  # seconds


class SlurmEngine(Engine):
    """Submits each job to Slurm and waits for what comes back.

    All nodes need this package, the data under the same paths, and the out folder.

    Args:
        jobs: how many are submitted at once; None for all.
        options: of submitit's ``update_parameters``, such as ``slurm_partition`` and
            ``timeout_min``. ``cluster`` is submitit's: ``'slurm'``, or ``'local'`` for
            processes of this machine.
        folder: where submitit keeps its files.
    """

    def __init__(
        self, jobs: Optional[int], options: dict[str, Any], folder: str
    ) -> None:
        self.jobs = jobs
        self.slots = jobs or 1
        self.options = {'cluster': 'slurm', **options}
        self.folder = folder

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yield outcomes; what is still waiting or running at an end is cancelled."""
        executor = self._executor()
        waiting = deque(tasks)
        self.slots = self.jobs or len(tasks)
        flying: dict[Any, Task] = {}
        try:
            while waiting or flying:
                new = [waiting.popleft() for _ in range(self._room(waiting, flying))]
                if new:
                    with executor.batch():
                        handles = [executor.submit(run_task, task) for task in new]
                    flying.update(zip(handles, new))
                done = [handle for handle in flying if handle.done()]
                for handle in done:
                    yield _outcome(handle, flying.pop(handle))
                if not done:
                    time.sleep(_POLL)
        finally:
            for handle in flying:
                handle.cancel()

    def _room(self, waiting: Sequence[Task], flying: dict[Any, Task]) -> int:
        return min(len(waiting), self.slots - len(flying))

    def _executor(self) -> Any:
        import submitit

        paths = [str(_ROOT), os.environ.get('PYTHONPATH', '')]
        os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, paths))
        options = dict(self.options)
        executor = submitit.AutoExecutor(self.folder, cluster=options.pop('cluster'))
        executor.update_parameters(name='cite-compare', **options)
        return executor


def _outcome(handle: Any, task: Task) -> Outcome:
    """Return what a job sent back, or the end of what Slurm says of it."""
    error = handle.exception()
    if error is None:
        return handle.result()
    last = str(error).strip().split('\n')[-1]
    return Outcome(task.name, error=f'its Slurm job {handle.job_id} failed: {last}')
