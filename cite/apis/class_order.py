"""The classes of a run are named in several places: all must have one order."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from mmcls.datasets.builder import DATASETS
from mmcv.parallel import is_module_wrapper
from torch import nn

from cite.core.files.csv_table import plain_cell
from cite.models.heads.caption_file import read_caption_file

Named = tuple[str, Sequence[str]]  # a place and the classes that it names


def check_class_order(first: Named, second: Named) -> Optional[str]:
    """Compare the classes of two places.

    Returns:
        None if they are the same; a warning if they have other names.

    Raises:
        ValueError: they have the same names in another order, so that the labels of
            one place mean other classes in the other.
    """
    (where, names), (other_where, other_names) = first, second
    if [*names] == [*other_names]:
        return None
    listed = f'{where} has {[*names]}, {other_where} has {[*other_names]}'
    # Other capital letters or blanks make no other class.
    alike, others_alike = (
        [plain_cell(name).casefold() for name in x] for x in (names, other_names)
    )
    if alike != others_alike and sorted(alike) == sorted(others_alike):
        raise ValueError(
            f'the same classes in another order: {listed}. The k-th class has label k, '
            'so results would get the names of other classes. Give both one order: '
            'that of the annotation files.'
        )
    return f'other class names: {listed}. Is that intended?'


def check_run(model: nn.Module, named: Sequence[Named]) -> None:
    """Compare what a run names: data sets, the head's texts, the checkpoint.

    Args:
        model: classifier, after its checkpoint was loaded.
        named: the data sets' classes; the first one's order counts.

    Raises:
        ValueError: the same names in another order. Other names are a warning.
    """
    classifier: Any = model.module if is_module_wrapper(model) else model
    texts = getattr(getattr(classifier, 'head', None), 'text_classes', None)
    trained = getattr(classifier, 'trained_classes', None)
    places = [*named, ('the file of model.head.texts', texts)]
    places.append(('the checkpoint', trained))
    for where, names in places[1:]:
        # Weights to start from may be those of another number of classes.
        if names is not None and len(names) == len(named[0][1]):
            message = check_class_order(named[0], (where, names))
            if message:
                warnings.warn(message, stacklevel=3)


def classes_of_config(cfg: Mapping[str, Any]) -> Iterator[Named]:
    """Yield the classes that a config's data sets and texts name.

    A data set without ``classes`` has those of its type.

    Raises:
        FileNotFoundError, ValueError: a file of classes or texts is faulty.
    """
    for part in ('train', 'val', 'test'):
        for data in inner_datasets((cfg.get('data') or {}).get(part)):
            kind = DATASETS.get(str(data.get('type')))
            if hasattr(kind, 'get_classes'):
                yield f'data.{part}.classes', kind.get_classes(data.get('classes'))
    texts = ((cfg.get('model') or {}).get('head') or {}).get('texts')
    if isinstance(texts, str):
        yield 'model.head.texts', [*read_caption_file(texts)]


def inner_datasets(data: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the data sets of an entry: itself, of a list, or inside a wrapper."""
    if isinstance(data, (list, tuple)):
        for item in data:
            yield from inner_datasets(item)
    elif isinstance(data, Mapping):
        inner = data.get('dataset', data.get('datasets'))
        yield from [data] if inner is None else inner_datasets(inner)
