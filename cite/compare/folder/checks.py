"""Checks of the files in a comparison's folder, before they are trusted."""

from pathlib import Path
from typing import Any

from cite.compare.plan.config import names_files
from cite.core.evaluation.metrics import SCORE_METRICS
from cite.core.files.json_file import read_json

# Seconds: a century.
_LONGEST = 3e9
#: Columns of the predictions besides those of the classes.
COLUMNS = ('slide', 'patient', 'label', 'patches', 'file')
#: The remedy for a missing or damaged file.
AGAIN = 'Run `cite compare` again with the same config: it does what is missing.'
#: The same for a file that is only written if it is missing.
REMOVE = f'Delete it. {AGAIN}'


def read_text(path: Path) -> str:
    """Read a text file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not text.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file. {AGAIN}')
    try:
        return path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: it is not text ({error}). {REMOVE}') from error


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not one.
    """
    try:
        values = read_json(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{error} {AGAIN}') from error
    except ValueError as error:
        raise ValueError(f'{error} {REMOVE}') from error
    if not isinstance(values, dict):
        raise ValueError(f'{path}: it is not a JSON object. {REMOVE}')
    return values


def read_settings(path: Path) -> dict[str, Any]:
    """Read ``comparison.json``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not JSON, or a setting is missing or of another type.
    """
    settings = read_object(path)
    for key in _SETTINGS:
        if key not in settings or not _is_setting(key, settings[key]):
            value = repr(settings[key])[:60] if key in settings else 'missing'
            raise ValueError(f'{path}: {key} is damaged ({value}). {REMOVE}')
    for key, is_setting in _OPTIONAL.items():
        if key in settings and not is_setting(settings[key]):
            value = repr(settings[key])[:60]
            raise ValueError(f'{path}: {key} is damaged ({value}). {REMOVE}')
    if settings['reference'] not in settings['methods']:
        raise ValueError(f'{path}: reference is not one of the methods. {REMOVE}')
    return settings


def is_row(row: Any) -> bool:
    """Tell whether a line of the results is one of a job.

    A line of an early version may lack the method, and then shots, draw and seed.
    """
    if not isinstance(row, dict) or not names_files(row.get('job')):
        return False
    kinds: dict[str, Any] = {
        **{'method': str, 'error': str},
        **{'figures': dict, 'training': dict},
    }
    if 'seconds' in row and not _is_duration(row['seconds']):
        return False
    if not all(isinstance(row[key], kinds[key]) for key in kinds if key in row):
        return False
    return 'method' not in row or (
        'shots' in row
        and (row['shots'] is None or _is_shots(row['shots']))
        and all(_is_count(row.get(key)) for key in ('draw', 'seed'))
        and _is_count(row.get('fold', 0))
    )


def _is_shots(value: Any) -> bool:
    return value == 'all' or _is_count(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _is_duration(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < _LONGEST


# Each setting's type, and a check of its items.
_SETTINGS: dict[str, tuple[Any, Any]] = {
    'title': (str, None),
    'data_prefix': (str, None),
    'classes': (list, lambda name: isinstance(name, str)),
    'methods': (dict, names_files),
    'shots': (list, _is_shots),
    'draws': (int, None),
    'seeds': (list, _is_count),
    'reference': (str, None),
    'figures': (list, lambda name: isinstance(name, str) and name in SCORE_METRICS),
}


def _is_controls(value: Any) -> bool:
    """Tell whether a value names the controls of methods by their kinds."""
    return isinstance(value, dict) and all(
        isinstance(kinds, dict) and all(map(names_files, kinds.values()))
        for kinds in value.values()
    )


# Settings that an earlier version did not write.
_OPTIONAL = {'controls': _is_controls, 'folds': _is_count}


def _is_setting(key: str, value: Any) -> bool:
    kind, is_item = _SETTINGS[key]
    if not isinstance(value, kind) or (is_item and not all(map(is_item, value))):
        return False
    if key == 'methods':
        methods = value.values()
        return bool(value) and all(
            isinstance(m, dict) and isinstance(m.get('label'), str) for m in methods
        )
    if key == 'draws':
        return _is_count(value)
    if key == 'classes':
        return len(value) == len({*value} - {*COLUMNS, ''}) > 0
    return kind is not list or bool(value)
