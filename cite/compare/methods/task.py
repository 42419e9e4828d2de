"""What a worker does with one job."""

import functools
import logging
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
from mmcv.utils import logging as mmcv_logging
from threadpoolctl import ThreadpoolController

import cite

from . import METHODS
from .job import JobInputs
from .scores import Scores
from .workspace import Kept, Workspace


@dataclass
class Task:
    """A job as it travels to a worker.

    Args:
        name: name of the job.
        inputs: inputs of the job.
        folder: folder of the job, for its log and temporary files.
    """

    name: str
    inputs: JobInputs
    folder: str


@dataclass
class JobResult:
    """What a worker sends back: probabilities, or the reason why there are none."""

    name: str
    seconds: float = 0.0
    patches: Optional[np.ndarray] = None
    slides: Optional[np.ndarray] = None
    error: Optional[str] = None


def run_task(task: Task, kept: Kept) -> JobResult:
    """Run one job; an exception in it comes back as a result.

    Args:
        task: the job. Its folder gets ``log.txt``.
        kept: what the worker keeps between jobs.
    """
    folder = Path(task.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with _output_to(folder / 'log.txt'):
        try:
            scores = _scores(task, Workspace(folder, kept))
        except Exception as error:
            traceback.print_exc()
            kind, text = type(error).__name__, ' '.join(str(error).split())
            return JobResult(task.name, error=f'{kind}: {text}')
    seconds = time.monotonic() - start
    return JobResult(task.name, seconds, scores.patches, scores.slides)


def _scores(task: Task, workspace: Workspace) -> Scores:
    cite.register()
    torch.set_num_threads(1)  # the bits of a sum depend on it
    _forget_loggers()
    # NumPy's too, and the threads of several workers' BLAS wait for each other.
    with _blas().limit(limits=1):
        scores = METHODS[task.inputs.method.type](task.inputs, workspace)
    for values in scores:
        if values is not None and not np.isfinite(values).all():
            raise ValueError('some probabilities are not finite: training diverged.')
    return scores


@functools.cache
def _blas() -> Any:
    """Return what sets the threads of NumPy's and SciPy's BLAS."""
    return ThreadpoolController().select(user_api='blas')


def _forget_loggers() -> None:
    """Let mmcv's loggers write to this job's log rather than the previous one's."""
    for name in [*mmcv_logging.logger_initialized]:
        logging.getLogger(name).handlers.clear()
    mmcv_logging.logger_initialized.clear()


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send everything that the process prints, C code included, to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    with path.open('a', buffering=1) as file:
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            # In a notebook these are not the process's own.
            with redirect_stdout(file), redirect_stderr(file):
                yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, old in zip((1, 2), kept):
                os.dup2(old, number)
                os.close(old)
