"""Train and test configs over several seeds and tabulate mean and spread."""

import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Sequence

import mmcv

Results = Dict[str, List[float]]


def repeat(
    config: str, seeds: Sequence[int], metrics: Sequence[str], work_dir: Path
) -> Results:
    """Train and test one config once per seed through ``mim``.

    Each seed also sets the environment variable ``SPLIT``, which a config may read to
    choose its annotation files. A seed whose result is there already is not run again.

    Args:
        config: path of the config.
        seeds: training seeds.
        metrics: metrics of ``mim test --metrics``.
        work_dir: every seed gets a folder below it.

    Returns:
        Metric name to its values, one per seed, percent.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: a run failed.
    """
    if not Path(config).is_file():
        raise FileNotFoundError(f'{config}: no such config file.')
    results: Results = {}
    for seed in seeds:
        folder = work_dir / Path(config).stem / f'seed{seed}'
        out = folder / 'results.json'
        if not out.is_file():
            _run_seed(config, seed, metrics, folder, out)
        for name, value in mmcv.load(str(out)).items():
            results.setdefault(name, []).append(float(value))
    return results


def _run_seed(
    config: str, seed: int, metrics: Sequence[str], folder: Path, out: Path
) -> None:
    env = {**os.environ, 'SPLIT': str(seed)}
    train = ['train', 'mmcls', config, '--work-dir', str(folder), '--seed', str(seed)]
    _mim([*train, '--no-validate'], env)
    checkpoint = ['--checkpoint', str(folder / 'latest.pth')]
    # Written beside, then renamed: an interrupted test leaves no half result.
    partial = out.with_name('partial.json')
    test = ['test', 'mmcls', config, *checkpoint, '--metrics', *metrics]
    _mim([*test, '--out', str(partial), '--out-items', 'none'], env)
    partial.rename(out)


def _mim(arguments: Sequence[str], env: Dict[str, str]) -> None:
    """Run ``mim`` of this Python, saying what is run."""
    print('+ mim ' + ' '.join(arguments), flush=True)
    mim = Path(sys.executable).with_name('mim')
    path = os.pathsep.join(filter(None, [os.getcwd(), env.get('PYTHONPATH')]))
    done = subprocess.run(
        [str(mim), *arguments], env={**env, 'PYTHONPATH': path}, check=False
    )
    if done.returncode:
        raise ValueError(f'mim {" ".join(arguments)} ended with {done.returncode}.')


def table(rows: Dict[str, Results], metrics: Sequence[str]) -> str:
    """Format mean ± sample standard deviation per config as a Markdown table."""
    lines = [
        '| config | seeds | ' + ' | '.join(metrics) + ' |',
        '|---|---|' + '---|' * len(metrics),
    ]
    for name, results in rows.items():
        cells = [mean_and_sd(results[metric]) for metric in metrics]
        seeds = len(results[metrics[0]])
        lines.append(f'| {name} | {seeds} | ' + ' | '.join(cells) + ' |')
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
