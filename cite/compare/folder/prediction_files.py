import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .checks import AGAIN, REMOVE
from .store import Store


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a CSV; floats in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def update_patients(
    store: Store, jobs: Iterable[str], patients: Mapping[str, str]
) -> None:
    """Write the patients of the current table of slides into existing predictions.

    Training does not depend on them, so no job is out of date; intervals and tests do.

    Args:
        store: the out folder.
        jobs: names of jobs with predictions.
        patients: patient of each slide.
    """
    for job in jobs:
        name = f'predictions/{job}.csv'
        try:
            with (store.out / name).open(encoding='utf-8', newline='') as file:
                head, *rows = csv.reader(file)
            slide, patient = head.index('slide'), head.index('patient')
            new = [[*row] for row in rows]
            for row in new:
                if len(row) != len(head):
                    raise ValueError('a line cut short')
                row[patient] = patients.get(row[slide], '')
        except (ValueError, OSError, csv.Error):
            continue  # damaged; reading it for the tables reports that
        if new != rows:
            store.write_text(name, csv_text(head, new))


def read_table(
    path: Path, texts: Sequence[str], classes: Sequence[str]
) -> pd.DataFrame:
    """Read columns of text and one of probabilities for each class.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not such a table, or has no lines.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file. {AGAIN}')
    dtypes = {**dict.fromkeys(texts, str), **dict.fromkeys(classes, 'float64')}
    # Only '' is missing: a slide may be called NA.
    try:
        empty = {name: [''] for name in classes}
        table = pd.read_csv(path, dtype=dtypes, keep_default_na=False, na_values=empty)
    except (ValueError, TypeError, OverflowError) as error:
        reason = ' '.join(str(error).split())
        raise ValueError(f'{path}: cannot be read ({reason}). {REMOVE}') from error
    missing = [name for name in (*texts, *classes) if name not in table]
    if missing:
        raise ValueError(f'{path}: the columns {missing} are missing. {REMOVE}')
    if table.empty:
        raise ValueError(f'{path}: it has no lines. {REMOVE}')
    if not np.isfinite(table[list(classes)].to_numpy()).all():
        raise ValueError(
            f'{path}: a probability is missing or not a finite number. {REMOVE}'
        )
    return table


def class_numbers(names: pd.Series, classes: Sequence[str], path: Path) -> np.ndarray:
    """Turn class names into numbers, (N,).

    Raises:
        ValueError: a name is not one of the classes.
    """
    numbers = pd.Index(classes).get_indexer(names)
    if (numbers < 0).any():
        raise ValueError(
            f'{path}: the label {names[numbers < 0].iloc[0]!r} is not one of the '
            f'classes {list(classes)}. {AGAIN}'
        )
    return numbers
