from pathlib import Path
from typing import Any, Union

import numpy as np
import pandas as pd

from .checks import AGAIN, REMOVE, read_object, read_settings, read_text
from .prediction_files import class_numbers, read_table
from .results import Results, Run
from .store import RESULTS, read_rows


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
    tables = [_predictions(folder, line['job'], settings['classes']) for line in done]
    _check_same_slides(folder, done, tables)
    first, file = tables[0], folder / f'predictions/{done[0]["job"]}.csv'
    labels = class_numbers(first['label'], settings['classes'], folder / 'predictions')
    scores = [table[settings['classes']].to_numpy(np.float64) for table in tables]
    keys = ('job', 'method', 'shots', 'draw', 'seed')
    runs = [Run(**{k: row[k] for k in keys}, scores=s) for row, s in zip(done, scores)]
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
        )
    )


def _place(line: dict[str, Any], settings: dict[str, Any]) -> tuple[int, ...]:
    """Return what runs are sorted by."""
    method = list(settings['methods']).index(line['method'])
    shots = [None, *settings['shots']].index(line['shots'])
    return method, shots, line['draw'], line['seed']


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
