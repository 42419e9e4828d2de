"""The data sets of a run tell slides apart in one way."""

import os
from collections.abc import Mapping
from typing import Any

from .class_order import inner_datasets


def check_slide_rules(data: Mapping[str, Any]) -> None:
    """Refuse data sets of one folder of patches with different rules for slides.

    A slide would have another id in training than in evaluation, so that nothing could
    notice that it is on both sides. So would one by its folder, if one data set's
    folder of patches is within another's. Data from other folders may have other names.

    Args:
        data: ``data`` of a config.

    Raises:
        ValueError: two of them; the message names both.
    """
    rules: dict[str, tuple[str, str]] = {}
    folders: dict[str, str] = {}
    for part in ('train', 'val', 'test'):
        for dataset in inner_datasets(data.get(part)):
            prefix = os.path.expanduser(str(dataset.get('data_prefix') or ''))
            rule = str(dataset.get('slide', 'prefix'))
            if rule == 'folder':
                _refuse_nested(folders, part, prefix)
            where, first = rules.setdefault(os.path.realpath(prefix), (part, rule))
            if first != rule:
                raise ValueError(
                    f'data.{where} has slide={first!r}, data.{part} has '
                    f'slide={rule!r}, for the same patches in {prefix!r}. Give both '
                    'one rule, by which the annotation files were made.'
                )


def _refuse_nested(folders: dict[str, str], part: str, prefix: str) -> None:
    """Refuse a folder of patches within another one, from which ids would differ."""
    here = os.path.realpath(prefix)
    for other, other_part in folders.items():
        if here != other and os.path.commonpath([here, other]) in (here, other):
            raise ValueError(
                f"data.{other_part} and data.{part} have slide='folder', with one "
                f'data_prefix within the other ({other}, {here}): slides would have '
                'two ids. Give both one data_prefix.'
            )
    folders.setdefault(here, part)
