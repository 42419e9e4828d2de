"""The command: run the jobs that are missing, then write tables of all results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from tqdm import tqdm

from cite.compare.folder.prediction_files import update_patients
from cite.compare.folder.record import write_record
from cite.compare.folder.store import RESULTS, UNUSED, Store, is_current, read_rows
from cite.compare.folder.write_result import write_result
from cite.compare.methods.task import JobResult, Task, run_task
from cite.compare.methods.workspace import Kept
from cite.compare.plan.estimate import Estimate, duration
from cite.compare.plan.plan import Plan, make_plan
from cite.compare.report import write_all
from cite.core.messages import count
from cite.engines import Engine, make_engine

Rows = dict[str, dict[str, Any]]  # results by job


def default_out(config: str) -> Path:
    """Return the folder of a comparison that was started without ``--out``."""
    return Path('work_dirs/compare') / Path(config).stem


def list_jobs(config: str, out: Optional[Path] = None, slots: int = 1) -> str:
    """Describe what a run would do: a line for each job, and the time it would take.

    Nothing is written, except the annotation files of folds.

    Args:
        config: path of the comparison's config.
        out: folder of the comparison.
        slots: number of jobs that run at once.
    """
    out = out or default_out(config)
    plan = make_plan(config)
    stored = read_rows(out / RESULTS) + read_rows(out / UNUSED)
    rows = {row['job']: row for row in stored}
    estimate = Estimate(rows.values())
    lines = []
    missing = []
    for job in plan.jobs:
        row = rows.get(job.name, {})
        state = _state(out, row, plan.digests)
        if state != 'done':
            missing.append(job.method)
        seconds = row.get('seconds') if state == 'done' else estimate.of(job.method)
        lines.append(f'{state:<12}{duration(seconds):>10}  {job.name}')
    total = len(plan.jobs)
    lines.append(
        f'{total - len(missing)} of {count(total, "job")} done; the others, {slots} at '
        f'once: {estimate.all(missing, slots)}'
    )
    return '\n'.join(lines)


def _state(out: Path, row: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    if not row:
        return 'missing'
    if 'error' in row:
        return 'failed'
    return 'done' if is_current(out, row, digests) else 'out of date'


def run_comparison(
    config: str,
    out: Optional[Path] = None,
    engine: str = 'local',
    jobs: Optional[int] = None,
    progress: bool = True,
) -> dict[str, str]:
    """Run the missing jobs of a comparison, and write its tables and report.

    Args:
        config: path of the comparison's config.
        out: folder to write to, ``work_dirs/compare/{config's name}`` by default.
        engine: ``'local'``, ``'ray'`` or ``'slurm'``.
        jobs: number of jobs that run at once.
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
        rows = store.sort_results(plan.digests)
        if len(rows) < len(plan.jobs):
            chosen.prepare(run_task)
        update_patients(store, rows, plan.comparison.patients)
        write_record(store, config, plan.comparison, plan.inputs)
        _run(plan, chosen, store, rows, progress)
        order = [job.name for job in plan.jobs if job.name in rows]
        store.write_rows([rows[name] for name in order])
        if any('figures' in row for row in rows.values()):
            write_all(out)
    finally:
        store.close()
    return {name: rows[name]['error'] for name in order if 'error' in rows[name]}


def _run(plan: Plan, engine: Engine, store: Store, rows: Rows, progress: bool) -> None:
    """Run the missing jobs; each result is written as soon as it is there."""
    by_name = {job.name: job for job in plan.jobs if job.name not in rows}
    folder = store.out.absolute() / 'jobs'
    tasks = [Task(n, plan.inputs[n], str(folder / n)) for n in by_name]
    if not tasks:
        return
    estimate = Estimate(rows.values())
    with tqdm(total=len(tasks), unit='job', disable=not progress) as bar:
        for task, result, died in engine.run(tasks, run_task, Kept):
            if result is None:
                result = JobResult(task.name, error=died)
            job = by_name.pop(result.name)
            digest = plan.digests[job.name]
            row = write_result(store, plan.comparison, job, digest, result)
            rows[job.name] = row
            if 'error' in row:
                bar.write(f'failed: {job.name}: {row["error"]}')
            estimate.add(row)
            left = [job.method for job in by_name.values()]
            bar.set_postfix_str(f'left {estimate.all(left, engine.slots)}', False)
            bar.update()
