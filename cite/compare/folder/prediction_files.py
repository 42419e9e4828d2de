"""The tables of predictions, read and checked."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from .checks import AGAIN, REMOVE


def class_numbers(names: pd.Series, classes: Sequence[str], path: Path) -> np.ndarray:
    """Turn class names into numbers, (N,).

    Raises:
        ValueError: a name is none of the classes.
    """
    numbers = pd.Index(classes).get_indexer(names)
    if (numbers < 0).any():
        raise ValueError(
            f'{path}: the label {names[numbers < 0].iloc[0]!r} is none of the classes '
            f'{list(classes)}. {AGAIN}'
        )
    return numbers


def read_table(
    path: Path, known: Sequence[str], classes: Sequence[str]
) -> pd.DataFrame:
    """Read columns of text and one of probabilities for each class.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no such table, or has no lines.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file. {AGAIN}')
    dtypes = {**dict.fromkeys(known, str), **dict.fromkeys(classes, 'float64')}
    # Only '' is missing: a slide may be called NA.
    try:
        table = pd.read_csv(
            *(path,),
            dtype=dtypes,
            keep_default_na=False,
            na_values={c: [''] for c in classes},
        )
    except (ValueError, TypeError, OverflowError) as error:
        what = ' '.join(str(error).split())
        raise ValueError(f'{path}: it cannot be read ({what}). {REMOVE}') from error
    lacking = [name for name in (*known, *classes) if name not in table]
    if lacking:
        raise ValueError(f'{path}: the columns {lacking} are missing. {REMOVE}')
    if table.empty:
        raise ValueError(f'{path}: it has no lines. {REMOVE}')
    if not np.isfinite(table[list(classes)].to_numpy()).all():
        raise ValueError(f'{path}: a probability is missing or no number. {REMOVE}')
    return table


def patch_counts(table: pd.DataFrame, path: Path) -> np.ndarray:
    """Return how many patches each slide has, (N,).

    Raises:
        ValueError: one is no whole number.
    """
    if not table['patches'].str.fullmatch('[0-9]{1,9}').all():
        raise ValueError(f'{path}: a number of patches is none. {REMOVE}')
    return table['patches'].to_numpy(np.int64)
