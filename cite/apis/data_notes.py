"""What a run trains and evaluates on: slides, patches and patients of each class."""

from collections import Counter
from pathlib import Path
from typing import Any, Optional

import numpy as np
from mmcls.utils import get_root_logger

from cite.core.messages import count
from cite.datasets.slide_dataset import SlideDataset
from cite.datasets.tables.slide_table import patient_column, read_captions


def log_data(purpose: str, dataset: Any) -> None:
    """Log how many slides and patches of each class a data set has.

    Args:
        purpose: what it is for, such as ``'training'``.
        dataset: one of ours, or mmcls' wrapper of some; another one is left out.
    """
    if isinstance(dataset, SlideDataset):
        get_root_logger().info(f'{purpose} on {describe_data(dataset)}')
    inner = getattr(dataset, 'dataset', None)
    for member in getattr(dataset, 'datasets', [] if inner is None else [inner]):
        log_data(purpose, member)


def describe_data(dataset: SlideDataset) -> str:
    """Count a data set's slides and patches, and patients where a table names them."""
    labels, slides = dataset.get_gt_labels(), dataset.get_bags()
    patients = _patients(dataset)
    parts = []
    for label, name in enumerate(dataset.CLASSES):
        members = np.unique(slides[labels == label])
        words = [
            count(len(members), 'slide'),
            count(int((labels == label).sum()), 'patch'),
        ]
        if patients is not None:
            known = Counter(patients[slide] for slide in members if slide in patients)
            words.append(count(len(known), 'patient'))
        parts.append(f'{name} {", ".join(words)}')
    total = f'{count(len(np.unique(slides)), "slide")}, {count(len(slides), "patch")}'
    return f'{total} of {dataset.ann_file}: {"; ".join(parts)}'


def _patients(dataset: SlideDataset) -> Optional[dict[str, str]]:
    """Return each slide's patient from the table beside the data, if it has any."""
    for folder in (Path(dataset.ann_file).parent, Path(dataset.data_prefix or '.')):
        table = folder.absolute().parent / 'captions.csv'
        if not table.is_file():
            continue
        try:
            column = patient_column(table, None)
            rule = dataset.slide_rule
            rows = read_captions(table, column, rule) if column else []
        except (ValueError, OSError):  # `cite check` reports it
            return None
        return {row.id: row.group for row in rows} if column else None
    return None
