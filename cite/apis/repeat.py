"""Train and test configs over several seeds and tabulate mean and spread."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cite.core.files.json_file import read_json
from cite.core.files.lock import only_one
from cite.core.files.write_whole import write_text_whole

from .config_file import find_config
from .run_identity import file_digest, run_identity
from .shell import run_command

Results = dict[str, list[float]]
# In the folder of a seed's run: digests of config and checkpoint, and the metrics.
RECORD = 'record.json'


def repeat_configs(
    configs: Sequence[str], seeds: Sequence[int], metrics: Sequence[str], work_dir: Path
) -> dict[str, Results]:
    """Train and test several configs, see :func:`repeat`.

    Returns:
        Config name (of the file, without ``.py``) to results.

    Raises:
        FileNotFoundError: the config is missing.
        ValueError: two configs of one name, a seed listed twice, or a run failed.
    """
    for config in configs:
        find_config(config)
    names = [Path(config).stem for config in configs]
    for what, items in (('config', [*names]), ('seed', [*seeds])):
        repeated = [x for i, x in enumerate(items) if x in items[:i]]
        if repeated:
            raise ValueError(f'the {what} {repeated[0]} is listed twice.')
    return {
        name: repeat(config, seeds, metrics, work_dir / name)
        for name, config in zip(names, configs)
    }


def repeat(
    config: str, seeds: Sequence[int], metrics: Sequence[str], work_dir: Path
) -> Results:
    """Train and test one config once per seed.

    Each seed also sets the environment variable ``SPLIT``, which a config may read to
    choose its annotation files. A finished run is kept as long as the config, the
    files that it names and the trained checkpoint do not change.

    Args:
        config: path of the config.
        seeds: training seeds.
        metrics: metrics of ``cite test --metrics``.
        work_dir: folder that holds a folder per seed.

    Returns:
        Metric name to its values, one per seed, percent.

    Raises:
        ValueError: a run failed.
    """
    results: Results = {}
    for seed in seeds:
        folder = work_dir / f'seed{seed}'
        folder.mkdir(parents=True, exist_ok=True)
        # Not the folder itself, which the training holds.
        with only_one(folder / RECORD, 'repeating', 'Give another --work-dir.'):
            values = _run(config, seed, metrics, folder)
        for name, value in values.items():
            results.setdefault(name, []).append(float(value))
    return results


def _run(
    config: str, seed: int, metrics: Sequence[str], folder: Path
) -> dict[str, float]:
    """Do what is missing for one seed; returns its metrics."""
    environment = {'SPLIT': str(seed)}
    identity = run_identity(config, environment)
    file, checkpoint = folder / RECORD, folder / 'latest.pth'
    record = _record(file)
    if record.get('identity') != identity or _was_replaced(checkpoint, record):
        if record:
            print(
                f'{folder}: the config, a file that it names or the checkpoint has '
                'changed since this run; running it again.',
                flush=True,
            )
        file.unlink(missing_ok=True)
        where = ['--work-dir', str(folder), '--seed', str(seed)]
        _cite(['train', config, *where, '--no-validate'], environment)
        record = {'identity': identity, 'checkpoint': file_digest(checkpoint)}
        _write(file, record)
    if record.get('metrics') != list(metrics):
        out = folder / 'metrics.json'
        test = ['test', config, str(checkpoint)]
        test += ['--metrics', *metrics, '--out', str(out), '--out-items', 'none']
        _cite(test, environment)
        record.update(metrics=list(metrics), results=read_json(out))
        _write(file, record)
    return record['results']


def _record(file: Path) -> dict[str, Any]:
    """Return what a run noted; nothing if it is missing or damaged."""
    try:
        record = read_json(file)
    except (FileNotFoundError, ValueError):
        return {}
    results = record.get('results', {}) if isinstance(record, dict) else None
    return record if isinstance(results, dict) else {}


def _was_replaced(checkpoint: Path, record: Mapping[str, Any]) -> bool:
    """Tell whether the checkpoint was replaced; it may be gone once it is tested."""
    if not checkpoint.is_file():
        return 'results' not in record
    return record.get('checkpoint') != file_digest(checkpoint)


def _write(file: Path, record: Mapping[str, Any]) -> None:
    write_text_whole(file, json.dumps(record, indent=1) + '\n')


def _cite(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    try:
        run_command(['cite', *arguments], environment)
    except ValueError as error:
        message = f'{error} The same command again resumes with this run.'
        raise ValueError(message) from error


def table(rows: Mapping[str, Results]) -> str:
    """Format mean ± sample standard deviation per config as a Markdown table."""
    names = list(dict.fromkeys(name for results in rows.values() for name in results))
    lines = ['| config | seeds | ' + ' | '.join(names) + ' |', '|---|---|']
    lines[1] += '---|' * len(names)
    for config, results in rows.items():
        cells = [mean_and_sd(results[n]) if n in results else '' for n in names]
        seeds = max(len(values) for values in results.values())
        lines.append(f'| {config} | {seeds} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def mean_and_sd(values: Sequence[float]) -> str:
    """Write a mean and the sample standard deviation with one decimal.

    >>> mean_and_sd([50.0, 60.0, 70.0])
    '60.0 ± 10.0'
    >>> mean_and_sd([50.0])
    '50.0'
    """
    mean = f'{statistics.fmean(values):.1f}'
    return f'{mean} ± {statistics.stdev(values):.1f}' if len(values) > 1 else mean
