"""What a worker does with one job."""

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


@dataclass
class Task:
    """A job as it travels to a worker.

    Args:
        name: of the job.
        inputs: of :func:`.plan.job_inputs`.
        folder: of the job, for logs and what lives as long as the job.
        threads: of torch; the bits of a sum depend on them.
    """

    name: str
    inputs: dict[str, Any]
    folder: str
    threads: int = 1


@dataclass
class Outcome:
    """What comes back: probabilities, or why there are none."""

    name: str
    seconds: float = 0.0
    patches: Optional[np.ndarray] = None
    slides: Optional[np.ndarray] = None
    error: Optional[str] = None


def run_task(task: Task) -> Outcome:
    """Run one job; what goes wrong in it comes back as an outcome.

    Args:
        task: the job. Its folder gets ``log.txt``.
    """
    folder = Path(task.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with _output_to(folder / 'log.txt'):
        try:
            patches, slides = _scores(task, folder)
        except Exception as error:
            traceback.print_exc()
            kind, text = type(error).__name__, ' '.join(str(error).split())
            return Outcome(task.name, error=f'{kind}: {text}')
    return Outcome(task.name, time.monotonic() - start, patches, slides)


def _scores(
    task: Task, folder: Path
) -> tuple[Optional[np.ndarray], Optional[np.ndarray]]:
    import torch

    import cite
    from cite.compare.methods import METHODS

    cite.register()
    torch.set_num_threads(task.threads)
    _forget_loggers()
    scores = METHODS[task.inputs['method']['type']](task.inputs, folder)
    for values in scores:
        if values is not None and not np.isfinite(values).all():
            raise ValueError('some probabilities are not finite: training diverged.')
    return scores.patches, scores.slides


def _forget_loggers() -> None:
    """Let mmcv's loggers write to this job's log, not the one before's."""
    from mmcv.utils import logging as mmcv_logging

    for name in [*mmcv_logging.logger_initialized]:
        logging.getLogger(name).handlers.clear()
    mmcv_logging.logger_initialized.clear()


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send what the process prints, C code included, to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    with path.open('a', buffering=1) as file:
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            # Where these are not the process's own, as in a notebook.
            with redirect_stdout(file), redirect_stderr(file):
                yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, old in zip((1, 2), kept):
                os.dup2(old, number)
                os.close(old)
