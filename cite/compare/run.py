"""The command: what is missing is run, and tables are made of all that is there."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from tqdm import tqdm

from cite.apis.run_identity import path_contents
from cite.compare.engines.task import Outcome, Task
from cite.compare.folder.keep import keep
from cite.compare.folder.patients import renew_patients
from cite.compare.folder.record import write_record
from cite.compare.folder.store import Store, holds, read_rows
from cite.compare.methods.job_config import read_method
from cite.compare.plan.config import Comparison
from cite.compare.plan.estimate import Estimate, duration
from cite.compare.plan.leakage import check_leakage
from cite.compare.plan.plan import Job, job_digest, job_inputs, plan_jobs
from cite.compare.plan.read_config import read_comparison
from cite.compare.report.report_all import write_all

from .engines import Engine, make_engine


@dataclass
class Plan:
    """The jobs of a comparison and how they stand.

    Args:
        jobs: in the order in which they run.
        inputs: of each job, by name.
        digests: of the inputs, by name.
    """

    comparison: Comparison
    jobs: list[Job]
    inputs: dict[str, dict[str, Any]]
    digests: dict[str, str]


def make_plan(config: str) -> Plan:
    """Read a comparison, list its jobs and refuse what would leak.

    Raises:
        ValueError: the config makes no sense, or slides or patients are on both sides.
        FileNotFoundError: a file that it names is missing.
    """
    comparison = read_comparison(config)
    jobs = plan_jobs(comparison)
    inputs = {job.name: job_inputs(comparison, job) for job in jobs}
    trains = [i['files']['train'] for i in inputs.values() if 'train' in i['files']]
    check_leakage(comparison, trains, config)
    read, look = functools.cache(read_method), functools.cache(path_contents)
    digests = {name: job_digest(given, read, look) for name, given in inputs.items()}
    return Plan(comparison, jobs, inputs, digests)


def default_out(config: str) -> Path:
    """Return the folder of a comparison that was given none."""
    return Path('work_dirs/compare') / Path(config).stem


def list_jobs(config: str, out: Optional[Path] = None, slots: int = 1) -> str:
    """Say what a run would do: a line for each job, and the time it would take.

    Nothing is written.

    Args:
        config: path of the comparison's config.
        out: its folder.
        slots: jobs that run at once.
    """
    out = out or default_out(config)
    plan = make_plan(config)
    rows = read_rows(out / 'results.jsonl') + read_rows(out / 'unused.jsonl')
    results = {row['job']: row for row in rows}
    estimate = Estimate(results.values())
    lines = []
    missing = []
    for job in plan.jobs:
        row = results.get(job.name, {})
        state = _state(out, row, plan.digests)
        if state != 'done':
            missing.append(job.method)
        seconds = row.get('seconds') if state == 'done' else estimate.of(job.method)
        lines.append(f'{state:<12}{duration(seconds):>10}  {job.name}')
    done = len(plan.jobs) - len(missing)
    total = estimate.all(missing, slots)
    return '\n'.join(
        [
            *lines,
            f'{done} of {len(plan.jobs)} jobs are done; the others, {slots} at once: '
            f'{total}',
        ]
    )


def _state(out: Path, row: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    if not row:
        return 'missing'
    if 'error' in row:
        return 'failed'
    return 'done' if holds(out, row, digests) else 'out of date'


def run_comparison(
    config: str,
    out: Optional[Path] = None,
    engine: str = 'local',
    jobs: Optional[int] = None,
    progress: bool = True,
) -> dict[str, str]:
    """Run what is missing of a comparison, and write its tables and report.

    Args:
        config: path of the comparison's config.
        out: folder to write to, ``work_dirs/compare/{config's name}`` by default.
        engine: ``'local'``, ``'ray'`` or ``'slurm'``.
        jobs: how many at once.
        progress: show a bar.

    Returns:
        The jobs that failed, with the reason of each.

    Raises:
        ValueError: the config makes no sense, something would leak, or another process
            runs in this folder.
        FileNotFoundError: a file that the config names is missing.
    """
    out = out or default_out(config)
    plan = make_plan(config)
    store = Store(out)
    try:
        slurm = str(out / 'slurm')
        chosen = make_engine(engine, jobs, plan.comparison.slurm, slurm)
        rows = store.settle(plan.digests)
        renew_patients(store, rows, plan.comparison.patients)
        write_record(store, config, plan.comparison, plan.inputs)
        missing = [job for job in plan.jobs if job.name not in rows]
        _run(plan, missing, chosen, store, rows, progress)
        order = [job.name for job in plan.jobs if job.name in rows]
        store.write_rows([rows[name] for name in order])
        if any('figures' in row for row in rows.values()):
            write_all(out)
    finally:
        store.close()
    return {name: rows[name]['error'] for name in order if 'error' in rows[name]}


def _run(
    plan: Plan,
    missing: Sequence[Job],
    engine: Engine,
    store: Store,
    rows: dict[str, dict[str, Any]],
    progress: bool,
) -> None:
    """Run jobs; each is kept as soon as it is there."""
    by_name = {job.name: job for job in missing}
    folder = store.out.absolute() / 'jobs'
    tasks = [Task(n, plan.inputs[n], str(folder / n)) for n in by_name]
    if not tasks:
        return
    estimate = Estimate(rows.values())
    failed = 0
    with tqdm(total=len(tasks), unit='job', disable=not progress) as bar:
        for outcome in engine.run(tasks):
            job = by_name.pop(outcome.name)
            row = _keep(store, plan, job, outcome)
            rows[job.name] = row
            failed += 'error' in row
            if 'error' in row:
                bar.write(f'failed: {job.name}: {row["error"]}')
            estimate.add(row)
            left = [job.method for job in by_name.values()]
            bar.set_postfix_str(f'left {estimate.all(left, engine.slots)}', False)
            bar.update()


def _keep(store: Store, plan: Plan, job: Job, outcome: Outcome) -> dict[str, Any]:
    return keep(store, plan.comparison, job, plan.digests[job.name], outcome)
