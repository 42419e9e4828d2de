"""What a comparison left in its folder, seen before it is trusted."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cite.core.evaluation.figures import FIGURES

#: What helps where a file is missing or damaged.
AGAIN = 'Start tools/compare.py again with the same config: it does what is missing.'
#: The same for a file that is not written anew as long as it is there.
REMOVE = f'Remove it. {AGAIN}'


def names_files(name: Any) -> bool:
    """Whether a name may be part of a path: letters, digits, - and _ alone."""
    return isinstance(name, str) and name.replace('-', '').replace('_', '').isalnum()


def read_text(path: Path) -> str:
    """Read a text.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no text.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file. {AGAIN}')
    try:
        return path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: it is no text ({error}). {REMOVE}') from error


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is none.
    """
    try:
        values = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path}: it is no JSON ({error}). {REMOVE}') from error
    if not isinstance(values, dict):
        raise ValueError(f'{path}: it is no JSON object. {REMOVE}')
    return values


def read_settings(path: Path) -> dict[str, Any]:
    """Read ``comparison.json``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no JSON, or a setting is missing or of another kind.
    """
    settings = read_object(path)
    for key, fits in _SETTINGS.items():
        if key not in settings or not fits(settings[key]):
            found = repr(settings[key])[:60] if key in settings else 'missing'
            raise ValueError(f'{path}: {key} is damaged ({found}). {REMOVE}')
    if settings['reference'] not in settings['methods']:
        raise ValueError(f'{path}: reference is none of the methods. {REMOVE}')
    return settings


def is_row(row: Any) -> bool:
    """Whether a line of the results is of a job; an early one may name no method."""
    if not isinstance(row, dict) or not names_files(row.get('job')):
        return False
    kinds: dict[str, Any] = {'method': str, 'error': str, 'figures': dict}
    kinds['seconds'] = int, float
    return all(isinstance(row[key], kinds[key]) for key in kinds if key in row)


def is_whole_row(row: Any) -> bool:
    """Whether a line also says which job of a comparison it is of."""
    if not is_row(row):
        return False
    return 'method' not in row or (
        'shots' in row
        and (row['shots'] is None or _is_shots(row['shots']))
        and all(isinstance(row.get(key), int) for key in ('draw', 'seed'))
    )


def _is_shots(value: Any) -> bool:
    return value == 'all' or isinstance(value, int)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int)


def _is_list_of(fits: Any) -> Any:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _is_classes(value: Any) -> bool:
    return _is_list_of(_is_text)(value) and 0 < len(value) == len({*value})


def _is_methods(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        names_files(name) and isinstance(of, dict) and isinstance(of.get('label'), str)
        for name, of in value.items()
    )


_SETTINGS = {
    'title': _is_text,
    'data_prefix': _is_text,
    'classes': _is_classes,
    'methods': _is_methods,
    'shots': _is_list_of(_is_shots),
    'draws': _is_number,
    'seeds': _is_list_of(_is_number),
    'reference': _is_text,
    'figures': _is_list_of(lambda name: _is_text(name) and name in FIGURES),
    'resamples': _is_number,
}
