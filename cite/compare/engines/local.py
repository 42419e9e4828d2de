import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing import connection
from typing import Any, Optional

from cite.compare.methods.workspace import SharedPatches

from .base import Engine, gpu_of, slots
from .task import JobResult, Task, run_task

_WATCH = 0.5  # seconds between checks that the parent lives


class LocalEngine(Engine):
    """Runs jobs in lasting processes of this machine, one a GPU or a share of cores.

    Args:
        jobs: number of jobs at once; None for one a GPU, or one a core.
    """

    def __init__(self, jobs: Optional[int] = None) -> None:
        self.slots = slots(jobs)

    def run(self, tasks: Sequence[Task]) -> Iterator[JobResult]:
        """Yield results; a worker that dies is replaced."""
        waiting = deque(tasks)
        busy: dict[Any, _Worker] = {}
        workers = [_Worker(gpu_of(i)) for i in range(min(self.slots, len(tasks)))]
        try:
            for worker in workers:
                worker.give(waiting.popleft())
                busy[worker.pipe] = worker
            while busy:
                for pipe in connection.wait([*busy]):
                    worker = busy.pop(pipe)
                    result = worker.take()
                    if waiting:
                        worker.give(waiting.popleft())
                        busy[worker.pipe] = worker
                    yield result
        finally:
            for worker in workers:
                worker.stop()


class _Worker:
    """A process and the pipe to it; a new process replaces one that has died."""

    def __init__(self, gpu: Optional[str]) -> None:
        self.gpu = gpu
        self.task: Optional[Task] = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context('spawn')
        self.pipe, worker_end = context.Pipe()
        # Not a daemon, because daemons may not have children such as image loaders.
        self.process = context.Process(
            target=_serve, args=(worker_end, os.getpid(), self.gpu)
        )
        self.process.start()
        worker_end.close()  # so that the end of the process ends the pipe

    def give(self, task: Task) -> None:
        self.task = task
        try:
            self.pipe.send(task)
        except OSError:  # it died idle
            self._renew()
            self.pipe.send(task)

    def take(self) -> JobResult:
        """Return the result, or an error if the worker has died."""
        assert self.task is not None
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            code = self._renew()
            error = f'its process died (exit code {code})'
            return JobResult(self.task.name, error=error)

    def _renew(self) -> Optional[int]:
        self.process.join(10)
        code = self.process.exitcode
        self.stop()
        self._start()
        return code

    def stop(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _serve(pipe: Any, parent: int, gpu: Optional[str]) -> None:
    """Run tasks until the pipe ends."""
    if gpu is not None:
        os.environ['CUDA_VISIBLE_DEVICES'] = gpu
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    patches = SharedPatches()
    try:
        while True:
            pipe.send(run_task(pipe.recv(), patches))
    except (EOFError, OSError, KeyboardInterrupt):
        return


def _end_with(parent: int) -> None:
    """End this process when its parent has been killed."""
    while os.getppid() == parent:
        time.sleep(_WATCH)
    os._exit(1)
