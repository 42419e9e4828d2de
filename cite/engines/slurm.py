import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from .base import Engine, Outcome, Run, Start, Worker, python_path

_POLL = 1.0  # seconds


class SlurmEngine(Engine):
    """Submits each task to Slurm and waits for what comes back.

    All nodes need this package, the data under the same paths, and the out folder.

    Args:
        jobs: number of tasks that are submitted at once; None for all.
        options: arguments of submitit's ``update_parameters``, such as
            ``slurm_partition`` and ``timeout_min``. ``cluster`` is submitit's:
            ``'slurm'``, or ``'local'`` for processes of this machine.
        folder: folder for submitit's files.
    """

    def __init__(
        self, jobs: Optional[int], options: dict[str, Any], folder: str
    ) -> None:
        self.jobs = jobs
        self.slots = jobs or 1
        self.options = {'cluster': 'slurm', **options}
        self.folder = folder

    def run(self, tasks: Sequence[Any], run: Run, start: Start) -> Iterator[Outcome]:
        """Yield outcomes; jobs that wait or run when this ends early are cancelled."""
        import submitit

        os.environ['PYTHONPATH'] = python_path()
        options = dict(self.options)
        executor = submitit.AutoExecutor(self.folder, cluster=options.pop('cluster'))
        executor.update_parameters(name='cite', **options)
        waiting = deque(tasks)
        self.slots = self.jobs or len(tasks)
        running: dict[Any, Any] = {}
        work = Worker(run, start)
        try:
            while waiting or running:
                room = min(len(waiting), self.slots - len(running))
                new = [waiting.popleft() for _ in range(room)]
                if new:
                    with executor.batch():
                        handles = [executor.submit(work, task) for task in new]
                    running.update(zip(handles, new))
                done = [handle for handle in running if handle.done()]
                for handle in done:
                    yield _outcome(handle, running.pop(handle))
                if not done:
                    time.sleep(_POLL)
        finally:
            for handle in running:
                handle.cancel()


def _outcome(handle: Any, task: Any) -> Outcome:
    """Return what a job sent back, or the last line of Slurm's error."""
    error = handle.exception()
    if error is None:
        return Outcome(task, *handle.result())
    last = str(error).strip().split('\n')[-1]
    return Outcome(task, error=f'its Slurm job {handle.job_id} failed: {last}')
