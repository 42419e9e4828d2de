from typing import Any

import mmcls.datasets
from mmcls.datasets.builder import DATASETS


@DATASETS.register_module(force=True)
class KFoldDataset(mmcls.datasets.KFoldDataset):
    """mmcls' folds of a data set, which refuse to divide the patches of slides.

    Args:
        dataset: data set to divide.
        *args, **kwargs: further arguments of mmcls' class.

    Raises:
        ValueError: a data set of slides.
    """

    def __init__(self, dataset: Any, *args: Any, **kwargs: Any) -> None:
        _refuse_slides(dataset)
        super().__init__(dataset, *args, **kwargs)


def refuse_folds(dataset: Any) -> None:
    """Refuse mmcls' own folds of slides, made without ``build_dataset``.

    Raises:
        ValueError: one of them, also inside other wrappers.
    """
    if isinstance(dataset, mmcls.datasets.KFoldDataset):
        _refuse_slides(dataset.dataset)
    for member in _members(dataset):
        refuse_folds(member)


def _refuse_slides(dataset: Any) -> None:
    if hasattr(dataset, 'get_bags'):
        raise ValueError(
            'KFoldDataset divides patches, so that slides are trained on and tested '
            'on. Divide slides with `cite ann --seed N` (and --group-by patient), one '
            'seed for each fold.'
        )
    for member in _members(dataset):
        _refuse_slides(member)


def _members(dataset: Any) -> list[Any]:
    inner = getattr(dataset, 'dataset', None)
    return list(getattr(dataset, 'datasets', [] if inner is None else [inner]))
