"""What a method of a comparison's config may say, by its type."""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cite.apis.class_order import check_class_order, classes_of_config
from cite.compare.methods import SETTINGS, WITHOUT_TEXTS
from cite.compare.methods.feature_file import feature_paths
from cite.compare.methods.job import Method, read_method
from cite.compare.methods.rates import OF_CONFIG
from cite.core.messages import meant
from cite.datasets.tables.class_file import PATCH_GASTRIC_CLASSES

from .config import Comparison


def check_settings(method: Method, common: Sequence[str], path: Path) -> None:
    """Refuse keys that a method's type does not take, and values of another kind.

    Args:
        method: the method.
        common: keys that every method takes.
        path: path of the comparison's config, for messages.

    Raises:
        ValueError: such a key or value; the message names it.
    """
    own = SETTINGS[method.type]
    for key, value in method.settings.items():
        where = f'{path}: methods.{method.name}.{key}'
        if key not in own:
            takes = [*common, *own]
            raise ValueError(
                f'{where} is not a key of a method of type {method.type!r}; choose '
                f'among {takes}{meant(key, takes)}'
            )
        problem = _fault(value, own[key])
        if problem:
            raise ValueError(f'{where} is {value!r}; give {problem}.')
    if method.type == 'external' and not method.settings.get('predictions'):
        raise ValueError(
            f'{path}: methods.{method.name} has no predictions: give the path of its '
            "CSVs, such as 'theirs/{shots}_{draw}_{seed}.csv'."
        )


def _fault(value: Any, default: Any) -> str:
    """Say what to give in place of a value, or nothing if it is like the default."""
    if isinstance(default, bool):
        return '' if isinstance(value, bool) else 'True or False'
    if isinstance(default, list):
        return '' if isinstance(value, (list, tuple)) else 'a list'
    if isinstance(default, str):
        return '' if isinstance(value, str) and value else 'a text'
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(default, int):
        is_whole = is_number and isinstance(value, int) and value >= 0
        return '' if is_whole else 'a whole number, 0 or more'
    is_finite = is_number and math.isfinite(value) and value >= 0
    return '' if is_finite else 'a number, 0 or more'


def check_features(comparison: Comparison, method: Method, path: Path) -> None:
    """Refuse a method without what it needs: a config, images or a file of features.

    Raises:
        ValueError: it needs images, but is given files of features, or needs a config.
        FileNotFoundError: a file of features is missing.
    """
    where = f'{path}: methods.{method.name}'
    files = comparison.features_of(method)
    if method.type == 'external':
        return
    if not method.config and not (files and method.type in WITHOUT_TEXTS):
        raise ValueError(f'{where} names no config.')
    if not files:
        return
    feature_paths(files)
    if isinstance(method.features, int) and method.features:
        raise ValueError(
            f'{where}.features={method.features} asks for augmented draws of images, '
            f'but the comparison has features={[*files]}. Leave the key out.'
        )
    backbone = _backbone(method)
    if method.type in OF_CONFIG and backbone != 'FeatureBackbone':
        raise ValueError(
            f'{where} needs images, because its backbone is {backbone}; the comparison '
            f'has only features={[*files]}. Leave the method out, or give a config '
            "with model.backbone=dict(type='FeatureBackbone')."
        )


def _backbone(method: Method) -> Any:
    model = read_method(method.config).get('model') or {}
    return (model.get('backbone') or {}).get('type')


def check_classes(comparison: Comparison, config: str) -> None:
    """Check that the methods' configs name the classes in the comparison's order.

    A comparison gives its classes to every data set, but the texts of a head and the
    weights stay in the order of the method's config.

    Args:
        comparison: what is compared.
        config: path of the config, for messages.

    Raises:
        ValueError: a method has the same classes in another order. Other names are a
            warning.
    """
    expected = (f'{config}: classes', comparison.classes)
    for path in {method.config: None for method in comparison.methods.values()}:
        for key, names in dict(classes_of_config(read_method(path))).items():
            message = check_class_order(expected, (f'{path}: {key}', names))
            # What a config without `classes` has says nothing of its texts.
            if message and [*names] != [*PATCH_GASTRIC_CLASSES]:
                warnings.warn(message, stacklevel=2)
