"""The jobs of a comparison."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Optional

from mmcv import Config

from cite.apis.run_identity import path_contents, settings_identity
from cite.compare.methods.job_config import job_config, read_method

from .config import Comparison, Method, Shots

# Of a config as read: where it writes, and names that reach no number.
_NO_MATTER = ('gpu_ids', 'device', 'run_name', 'n', 'log_config', 'log_level')


@dataclass(frozen=True)
class Job:
    """One training and test, or one test where nothing is trained.

    Args:
        method: the method's name.
        shots: training slides of each class, ``'all'``, or None without training.
        draw: number of the choice of slides; 0 is the slides with the most patches.
        seed: of training.
    """

    method: str
    shots: Optional[Shots]
    draw: int
    seed: int

    @property
    def name(self) -> str:
        """The job's name; names its files."""
        if self.shots is None:
            return self.method
        return f'{self.method}-{self.shots}shot-draw{self.draw}-seed{self.seed}'


def plan_jobs(comparison: Comparison) -> list[Job]:
    """List the jobs, those that tell most first: one seed of every draw, then more.

    With all slides there is one choice only; a method that is not trained has one job.
    """
    methods = comparison.methods.values()
    jobs = [Job(method.name, None, 0, 0) for method in methods if not method.trained]
    for seed in comparison.seeds:
        for draw in range(1, max(comparison.draws, 1) + 1):
            for method in methods:
                for shots in comparison.shots:
                    job = _job(comparison, method, shots, draw, seed)
                    if job is not None:
                        jobs.append(job)
    return jobs


def _job(
    comparison: Comparison, method: Method, shots: Shots, draw: int, seed: int
) -> Optional[Job]:
    """Return the job, or None where the comparison has no such one."""
    draws = comparison.draws if method.draws is None else method.draws
    if not method.trained or draw > max(draws, 1) or (shots == 'all' and draw > 1):
        return None
    no_choice = shots == 'all' or comparison.draws == 0
    return Job(method.name, shots, 0 if no_choice else draw, seed)


def job_inputs(comparison: Comparison, job: Job) -> dict[str, Any]:
    """Return all that a job's outcome depends on, as plain data.

    Raises:
        FileNotFoundError: an annotation file is missing; the message says how to make
            it.
    """
    method = comparison.methods[job.method]
    files = {'val': comparison.val_file}
    if job.shots is not None:
        files['train'] = comparison.train_file(job.shots, job.draw)
    for path in files.values():
        if not path.is_file():
            raise FileNotFoundError(
                f'{path}: no such annotation file. Make it with tools/ann.py --shots … '
                f'--draws {comparison.draws}.'
            )
    pool = comparison.train_file('all', 0)
    if job.shots is not None and pool.is_file():
        files['pool'] = pool  # features of all training slides are computed at once
    described = asdict(method)
    del described['label']  # a name in tables reaches no number
    return {
        'job': asdict(job),
        'method': described,
        'options': comparison.options,
        'classes': comparison.classes,
        'data_prefix': comparison.data_prefix,
        'files': {name: str(path) for name, path in files.items()},
    }


def job_digest(
    inputs: dict[str, Any],
    read: Callable[[str], Config] = read_method,
    contents: Callable[[Path], Any] = path_contents,
) -> str:
    """Digest a job's inputs: settings and config, and what the files named there hold.

    A result with another digest is out of date. The code does not count.

    Args:
        inputs: of :func:`job_inputs`.
        read: reads a config.
        contents: looks at a file or folder. Who asks for many jobs may remember what
            either said: a folder of patches may have 179,285.
    """
    settings = job_config(inputs, read)._cfg_dict.to_dict()
    for key in _NO_MATTER:
        settings.pop(key, None)
    known = {**inputs, 'method': {**inputs['method'], 'draws': None}}
    text = json.dumps(known, sort_keys=True, default=str)
    sha = hashlib.sha256(text.encode())
    sha.update(settings_identity(settings, contents).encode())
    for path in inputs['files'].values():
        sha.update(Path(path).read_bytes())
    return sha.hexdigest()
