from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Union

from mmcv import Config

from cite.compare.methods import METHODS, TRANSDUCTIVE
from cite.compare.methods.job import Method
from cite.core.evaluation.metrics import SCORE_METRICS
from cite.core.files.elsewhere import looked_at
from cite.datasets.tables.slide_rule import SlideRule
from cite.datasets.tables.slide_table import patient_column, read_captions

from .config import Comparison, names_files
from .controls import add_controls
from .method_settings import check_features, check_settings
from .training_slides import held_out_methods, read_rates

_KEYS = (
    *('title', 'data_prefix', 'ann_root', 'train', 'val', 'classes', 'captions'),
    *('patient', 'shots', 'draws', 'seeds', 'methods', 'reference', 'figures'),
    *('slide', 'options', 'slurm', 'features', 'controls', 'folds', 'rates'),
    'held_out',
)
_REQUIRED = ('ann_root', 'train', 'val', 'classes', 'methods')
_DEFAULTS = {
    **{'shots': ['all'], 'draws': 0, 'seeds': [0], 'features': []},
    'figures': (*SCORE_METRICS,),
}
# Columns of the predictions besides those of the classes.
_COLUMNS = ('slide', 'patient', 'label', 'patches', 'file')


def read_comparison(path: Union[str, Path]) -> Comparison:
    """Read a comparison's config.

    Args:
        path: path of a Python config; see configs/compare for examples.

    Raises:
        FileNotFoundError: no such config, or one that a method names.
        ValueError: a key is missing, unknown, or its value makes no sense.
    """
    path = Path(path)
    values = _read_values(path)
    folder = values['data_prefix']
    if not Path(str(folder)).expanduser().is_dir():
        raise FileNotFoundError(
            f'{path}: data_prefix: {folder}: no such folder.{looked_at(str(folder))}'
        )
    named = values.pop('methods')
    methods = {name: _method(name, config, path) for name, config in named.items()}
    reference = values.pop('reference', next(iter(methods), ''))
    wanted = values.pop('controls', True)
    methods, controls = add_controls(methods, reference, wanted, path)
    held_out = values.pop('held_out', True)
    comparison = Comparison(
        methods=methods,
        held_out=held_out_methods(
            methods, controls, held_out, path, bool(values['features'])
        ),
        rates=read_rates(values.pop('rates', ()), path),
        controls=controls,
        reference=reference,
        metrics=values.pop('figures'),
        patients=_patients(values, path),
        **values,
    )
    _check(comparison, path)
    return comparison


def _read_values(path: Path) -> dict[str, Any]:
    """Read the keys of a comparison; check their names and types."""
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such config file.')
    # Plain dicts, unlike mmcv's, travel between processes.
    raw = Config.fromfile(str(path), import_custom_modules=False)._cfg_dict.to_dict()
    values = {key: raw[key] for key in raw if key in _KEYS}
    _check_spelling([*raw], path)
    missing = {*_REQUIRED} - {*values}
    if not values.get('features'):
        missing |= {'data_prefix'} - {*values}
    if missing:
        raise ValueError(f'{path}: the keys {sorted(missing)} are missing.')
    values = {'title': path.stem, 'data_prefix': '', **_DEFAULTS, **values}
    if isinstance(values['features'], str):
        values['features'] = [values['features']]
    for key in ('shots', 'seeds', 'classes', 'figures', 'features'):
        if not isinstance(values[key], (list, tuple)):
            raise ValueError(f'{path}: {key}={values[key]!r}; give a list.')
        values[key] = list(values[key])
    if not isinstance(values['draws'], int):
        raise ValueError(f'{path}: draws={values["draws"]!r}; give a number.')
    folds = values.get('folds', 0)
    if type(folds) is not int or folds < 0 or folds == 1:
        raise ValueError(f'{path}: folds={folds!r}; give 2 or more, or 0.')
    if folds and values['draws'] < 1:
        raise ValueError(
            f'{path}: folds={folds} needs draws=1 or more: each deals the slides anew.'
        )
    return values


def _method(name: str, config: dict[str, Any], path: Path) -> Method:
    common = {f.name for f in fields(Method)} - {'name', 'settings', 'texts'}
    settings = {key: config.pop(key) for key in [*config] if key not in common}
    defaults = {'label': name, 'type': 'trained', 'config': '', 'settings': settings}
    method = Method(name, **{**defaults, **config})
    if method.type not in METHODS:
        raise ValueError(
            f'{path}: methods.{name}.type is {method.type!r}; choose one of '
            f'{list(METHODS)}.'
        )
    if method.config and not Path(method.config).is_file():
        raise FileNotFoundError(
            f'{path}: methods.{name}.config: {method.config}: no such config file.'
            f'{looked_at(method.config)}'
        )
    check_settings(method, sorted(common), path)
    if method.type in TRANSDUCTIVE and not settings.get('within_slides'):
        method.label = f'{method.label} (sees all test slides)'
    if not names_files(name):
        raise ValueError(
            f'{path}: the method {name[:60]!r} is part of file names; use letters, '
            'digits, - and _, at most 200 of them.'
        )
    return method


def _check_spelling(keys: list[str], path: Path) -> None:
    """Refuse misspelt keys; a config may also have variables of its own."""
    for key in keys:
        near = get_close_matches(key, _KEYS, n=1, cutoff=0.8)
        if key not in _KEYS and near and near[0] not in keys:
            raise ValueError(f'{path}: {key} is not a key. Did you mean {near[0]}?')


def _check(comparison: Comparison, path: Path) -> None:
    if not comparison.methods:
        raise ValueError(f'{path}: methods is empty: there is nothing to compare.')
    for method in comparison.methods.values():
        check_features(comparison, method, path)
    if comparison.reference not in comparison.methods:
        raise ValueError(
            f'{path}: reference={comparison.reference!r} is not one of the methods '
            f'{list(comparison.methods)}.'
        )
    unknown = [name for name in comparison.metrics if name not in SCORE_METRICS]
    if unknown or not comparison.metrics:
        raise ValueError(
            f'{path}: figures={comparison.metrics}; choose among {list(SCORE_METRICS)}.'
        )
    for shots in comparison.shots:
        if shots != 'all' and (not isinstance(shots, int) or shots < 1):
            raise ValueError(f"{path}: shots holds {shots!r}; give numbers or 'all'.")
    taken = [name for name in comparison.classes if name in _COLUMNS]
    if taken or len({*comparison.classes}) < len(comparison.classes):
        raise ValueError(
            f'{path}: classes={comparison.classes}: each needs a name of its own, but '
            f'not one of {list(_COLUMNS)}, which are columns of the predictions.'
        )
    if not comparison.shots or not comparison.seeds or comparison.draws < 0:
        raise ValueError(f'{path}: shots and seeds need values, and draws 0 or more.')


def _patients(values: Mapping[str, Any], path: Path) -> dict[str, str]:
    """Return the patient of each slide, from the table that the leakage check uses."""
    captions, column = values.get('captions'), values.get('patient')
    try:
        rule = SlideRule(values.get('slide', 'prefix'))
    except (ValueError, TypeError, FileNotFoundError) as error:
        raise type(error)(f'{path}: {error}') from error
    if captions is None:
        if column is not None:
            raise ValueError(
                f'{path}: patient={column!r} is a column of a table: name the table '
                'with captions.'
            )
        return {}
    # A missing table is an error of the reader below.
    name = patient_column(Path(captions), column) if Path(captions).is_file() else ''
    if name is None:
        return {}
    return {slide.id: slide.group for slide in read_captions(captions, name, rule)}
