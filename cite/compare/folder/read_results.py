from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
import pandas as pd

from .checks import AGAIN, REMOVE, read_object, read_settings, read_text
from .prediction_files import class_numbers, read_table
from .results import Results, Run
from .store import RESULTS, read_rows
from .training import parse_training

_PART = ''  # a column's name that no class has


def read_results(folder: Union[str, Path]) -> Results:
    """Read and check a comparison's finished runs, failures and settings.

    Jobs that the settings no longer name are left out.

    Args:
        folder: folder of the comparison.

    Raises:
        FileNotFoundError: a file is missing; the message says what to do.
        ValueError: no job is finished, or a file does not fit the others.
    """
    folder = Path(folder)
    settings = read_settings(folder / 'comparison.json')
    jobs = {row['job']: row for row in read_rows(folder / RESULTS, strict=True)}
    lines = [jobs[name] for name in sorted(jobs) if _is_planned(jobs[name], settings)]
    failures = [(line['job'], line['error']) for line in lines if 'error' in line]
    done = [line for line in lines if 'error' not in line]
    done.sort(key=lambda line: _place(line, settings))
    if not done:
        raise ValueError(f'{folder}: no job is finished, so nothing can be reported.')
    whole = join_folds(done, settings.get('folds', 0))
    if not whole:
        raise ValueError(
            f'{folder}: no run has all its folds, so nothing can be reported. {AGAIN}'
        )
    tables = [_run_table(folder, lines, settings['classes']) for lines in whole]
    _check_same_slides(folder, [lines[0] for lines in whole], tables)
    first, file = tables[0], folder / f'predictions/{whole[0][0]["job"]}.csv'
    labels = class_numbers(first['label'], settings['classes'], folder / 'predictions')
    runs = [_run(lines, table, settings) for lines, table in zip(whole, tables)]
    configs = {name: folder / f'configs/{name}.py' for name in settings['methods']}
    environment = folder / 'environment.json'
    return Results(
        folder=folder,
        settings=settings,
        slides=first['slide'].to_numpy(str),
        patients=first['patient'].to_numpy(str),
        labels=labels,
        patch_counts=_patch_counts(first, file),
        runs=runs,
        failures=sorted(failures),
        environment=read_object(environment) if environment.is_file() else {},
        configs={n: read_text(p) for n, p in configs.items() if p.is_file()},
    )


def _is_planned(line: dict[str, Any], settings: dict[str, Any]) -> bool:
    """Tell whether the present settings name a job."""
    if 'method' not in line:
        return False
    shots = line['shots']
    return line['method'] in settings['methods'] and (
        shots is None
        or (
            shots in settings['shots']
            and line['seed'] in settings['seeds']
            and line['draw'] <= settings['draws']
            and line.get('fold', 0) <= settings.get('folds', 0)
        )
    )


def _place(line: dict[str, Any], settings: dict[str, Any]) -> tuple[int, ...]:
    """Return what runs are sorted by."""
    method = list(settings['methods']).index(line['method'])
    shots = [None, *settings['shots']].index(line['shots'])
    return method, shots, line['draw'], line['seed'], line.get('fold', 0)


def join_folds(
    lines: Sequence[dict[str, Any]], folds: int
) -> list[list[dict[str, Any]]]:
    """Put the jobs of each run together; a run that lacks a fold is left out.

    Args:
        lines: lines of finished jobs, in the order of the runs and their folds.
        folds: number of folds; 0 if there are none.
    """
    runs: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in lines:
        key = tuple(line[name] for name in ('method', 'shots', 'draw', 'seed'))
        runs.setdefault(key, []).append(line)
    return [
        run
        for run in runs.values()
        if len(run) == (folds if folds and run[0]['shots'] is not None else 1)
    ]


def _run_table(
    folder: Path, lines: Sequence[dict[str, Any]], classes: list[str]
) -> pd.DataFrame:
    """Return the slides of a run's jobs, sorted, with the number of each one's job."""
    tables = [_predictions(folder, line['job'], classes) for line in lines]
    if len(tables) == 1:
        return tables[0].assign(**{_PART: 0})
    parts = [table.assign(**{_PART: i}) for i, table in enumerate(tables)]
    table = pd.concat(parts).sort_values('slide', kind='stable')
    if table['slide'].duplicated().any():
        twice = table['slide'][table['slide'].duplicated()].iloc[0]
        raise ValueError(
            f'{folder}: {twice} is tested in two folds of {lines[0]["job"]}. {AGAIN}'
        )
    return table.reset_index(drop=True)


def _run(
    lines: Sequence[dict[str, Any]], table: pd.DataFrame, settings: dict[str, Any]
) -> Run:
    first, classes = lines[0], settings['classes']
    return Run(
        jobs=tuple(line['job'] for line in lines),
        **{key: first[key] for key in ('method', 'shots', 'draw', 'seed')},
        scores=table[classes].to_numpy(np.float64),
        trainings=tuple(parse_training(line, len(classes)) for line in lines),
        fold=table[_PART].to_numpy(np.int64),
    )


def _predictions(folder: Path, job: str, classes: list[str]) -> pd.DataFrame:
    path = folder / f'predictions/{job}.csv'
    table = read_table(path, ('slide', 'patient', 'label', 'patches'), classes)
    return table.sort_values('slide', kind='stable').reset_index(drop=True)


def _patch_counts(table: pd.DataFrame, path: Path) -> np.ndarray:
    if not table['patches'].str.fullmatch('[0-9]{1,9}').all():
        raise ValueError(f'{path}: a number of patches is not a number. {REMOVE}')
    return table['patches'].to_numpy(np.int64)


def _check_same_slides(
    folder: Path, done: list[dict[str, Any]], tables: list[pd.DataFrame]
) -> None:
    for line, table in zip(done, tables):
        for column in ('slide', 'label', 'patient'):
            if not table[column].equals(tables[0][column]):
                raise ValueError(
                    f'{folder}: the slides of {line["job"]} differ from those of '
                    f'{done[0]["job"]} in the column {column}: they were not tested on '
                    f'the same ones. {AGAIN}'
                )
