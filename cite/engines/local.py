import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import connection, forkserver
from typing import Any, Optional

import torch

from .base import Engine, Outcome, Run, Start, Worker, gpu_of, slots


class LocalEngine(Engine):
    """Runs tasks in lasting processes of this machine, one a GPU or a share of cores.

    Without GPUs, the processes are forked from one that has imported the package once.
    They share this process's threads of torch.

    Args:
        jobs: number of tasks at once; None for one a GPU, or one a core.
    """

    def __init__(self, jobs: Optional[int] = None) -> None:
        self.slots = slots(jobs)

    def prepare(self, run: Run) -> None:
        """Let the process that workers are forked from import what they need."""
        if gpu_of(0) is None:
            _server(run)
            forkserver.ensure_running()

    def run(self, tasks: Sequence[Any], run: Run, start: Start) -> Iterator[Outcome]:
        """Yield outcomes; a worker that dies is replaced."""
        waiting = deque(tasks)
        busy: dict[Any, _Process] = {}
        number = min(self.slots, len(tasks))
        threads = max(torch.get_num_threads() // max(number, 1), 1)
        workers = [_Process(gpu_of(i), threads, run, start) for i in range(number)]
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

    def __init__(
        self, gpu: Optional[str], threads: int, run: Run, start: Start
    ) -> None:
        self.gpu, self.threads, self.work = gpu, threads, (run, start)
        self.task: Any = None
        self._begin()

    def _begin(self) -> None:
        context = _context(self.gpu, self.work[0])
        self.pipe, worker_end = context.Pipe()
        # Not a daemon, because daemons may not have children such as image loaders.
        self.process = context.Process(
            target=_serve,
            args=(worker_end, {**os.environ}, self.gpu, self.threads, *self.work),
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
        task, self.task = self.task, None
        try:
            return Outcome(task, *self.pipe.recv())
        except (EOFError, OSError):
            code = self._renew()
            return Outcome(task, error=f'its process died (exit code {code})')

    def _renew(self) -> Optional[int]:
        self.process.join(10)
        code = self.process.exitcode
        self.stop()
        self._begin()
        return code

    def stop(self) -> None:
        self.pipe.close()
        if self.task is None:  # it ends by itself, and leaves no semaphores
            self.process.join(1)
        self.process.kill()
        self.process.join()


def _context(gpu: Optional[str], run: Run) -> Any:
    """Return how a process is started: as a fork of one that has imported once."""
    if gpu is not None:  # whose driver the imports may have touched
        return multiprocessing.get_context('spawn')
    return _server(run)


def _server(run: Run) -> Any:
    """Return the context of the process to fork from, which imports a function."""
    context = multiprocessing.get_context('forkserver')
    module = getattr(run, 'func', run).__module__  # of what a partial calls
    modules = ['cite'] if module == '__main__' else ['cite', module]
    context.set_forkserver_preload(modules)
    return context


def _serve(
    pipe: Any,
    environment: Mapping[str, str],
    gpu: Optional[str],
    threads: int,
    run: Run,
    start: Start,
) -> None:
    """Run tasks until the pipe ends."""
    torch.set_num_threads(threads)
    os.environ.clear()  # the server's is that of its start
    os.environ.update(environment)
    if gpu is not None:
        os.environ['CUDA_VISIBLE_DEVICES'] = gpu
    threading.Thread(target=_end_with_parent, daemon=True).start()
    worker = Worker(run, start)
    try:
        while True:
            pipe.send(worker(pipe.recv()))
    except (EOFError, OSError, KeyboardInterrupt):
        return


def _end_with_parent() -> None:
    """End this process when its parent has been killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
