import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing import connection
from typing import Any, Optional

from .base import Engine, Outcome, Run, Start, Worker, gpu_of, slots

_WATCH = 0.5  # seconds between checks that the parent lives


class LocalEngine(Engine):
    """Runs tasks in lasting processes of this machine, one a GPU or a share of cores.

    Args:
        jobs: number of tasks at once; None for one a GPU, or one a core.
    """

    def __init__(self, jobs: Optional[int] = None) -> None:
        self.slots = slots(jobs)

    def run(self, tasks: Sequence[Any], run: Run, start: Start) -> Iterator[Outcome]:
        """Yield outcomes; a worker that dies is replaced."""
        waiting = deque(tasks)
        busy: dict[Any, _Process] = {}
        number = min(self.slots, len(tasks))
        workers = [_Process(gpu_of(i), run, start) for i in range(number)]
        try:
            for worker in workers:
                worker.give(waiting.popleft())
                busy[worker.pipe] = worker
            while busy:
                for pipe in connection.wait([*busy]):
                    worker = busy.pop(pipe)
                    outcome = worker.take()
                    if waiting:
                        worker.give(waiting.popleft())
                        busy[worker.pipe] = worker
                    yield outcome
        finally:
            for worker in workers:
                worker.stop()


class _Process:
    """A process and the pipe to it; a new process replaces one that has died."""

    def __init__(self, gpu: Optional[str], run: Run, start: Start) -> None:
        self.gpu, self.work = gpu, (run, start)
        self.task: Any = None
        self._begin()

    def _begin(self) -> None:
        context = multiprocessing.get_context('spawn')
        self.pipe, worker_end = context.Pipe()
        # Not a daemon, because daemons may not have children such as image loaders.
        self.process = context.Process(
            target=_serve, args=(worker_end, os.getpid(), self.gpu, *self.work)
        )
        self.process.start()
        worker_end.close()  # so that the end of the process ends the pipe

    def give(self, task: Any) -> None:
        self.task = task
        try:
            self.pipe.send(task)
        except OSError:  # it died idle
            self._renew()
            self.pipe.send(task)

    def take(self) -> Outcome:
        """Return the outcome, which is an error if the worker has died."""
        try:
            return Outcome(self.task, *self.pipe.recv())
        except (EOFError, OSError):
            code = self._renew()
            error = f'its process died (exit code {code})'
            return Outcome(self.task, error=error)

    def _renew(self) -> Optional[int]:
        self.process.join(10)
        code = self.process.exitcode
        self.stop()
        self._begin()
        return code

    def stop(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _serve(pipe: Any, parent: int, gpu: Optional[str], run: Run, start: Start) -> None:
    """Run tasks until the pipe ends."""
    if gpu is not None:
        os.environ['CUDA_VISIBLE_DEVICES'] = gpu
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    worker = Worker(run, start)
    try:
        while True:
            pipe.send(worker(pipe.recv()))
    except (EOFError, OSError, KeyboardInterrupt):
        return


def _end_with(parent: int) -> None:
    """End this process when its parent has been killed."""
    while os.getppid() == parent:
        time.sleep(_WATCH)
    os._exit(1)
