"""Numbers of slides and patches by which a wrong rule for slides shows."""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Optional

from cite.core.files.csv_table import look_alikes
from cite.core.messages import shorten

from .annotations import Annotation
from .slide_rule import PREFIX, SlideRule

# What else patches are often called: {slide}_{x}_{y}, and {slide}_{number}.
_OTHER_RULES = ('folder', r'(?:.*/)?(.+)_\d+_\d+\.', r'(?:.*/)?(.+)_\d+\.')


def odd_slides(
    annotations: Sequence[Annotation], rule: SlideRule = PREFIX
) -> Optional[str]:
    """Describe what suggests that a rule does not tell the slides apart.

    Args:
        annotations: lines of an annotation file, at least one.
        rule: which slide a patch belongs to.

    Returns:
        None for what slides usually are; otherwise what is odd: one slide a class, or
        one patch a slide.
    """
    patches = Counter(rule(filename) for filename, _ in annotations)
    slides_of_class: dict[int, set[str]] = {}
    for filename, label in annotations:
        slides_of_class.setdefault(label, set()).add(rule(filename))
    slides = len(patches)
    if slides > 1 and max(patches.values()) == 1:
        return f'each of the {slides} slides has one patch'
    if max(map(len, slides_of_class.values())) == 1 and max(patches.values()) > 1:
        return f'each class has one slide ({", ".join(sorted(patches)[:5])})'
    return None


def remedy(annotations: Sequence[Annotation], rule: SlideRule = PREFIX) -> str:
    """Say how another rule is chosen, and which rules would count other slides."""
    number = len({rule(filename) for filename, _ in annotations})
    others = []
    for text in _OTHER_RULES:
        other = SlideRule(text)
        try:
            slides = {other(filename) for filename, _ in annotations}
        except ValueError:
            continue
        plausible = 1 < len(slides) < len(annotations)
        if (
            plausible
            and len(slides) != number
            and odd_slides(annotations, other) is None
        ):
            others.append(f'{other!r} would tell {len(slides)} apart')
    listed = f' ({"; ".join(others)})' if others else ''
    return (
        f'{rule!r} says which slide a patch belongs to. If that is wrong, write '
        f"another into the data sets of the config{listed}: 'prefix', 'folder', a "
        "regular expression with one group, or 'column:NAME of TABLE.csv'."
    )


def same_ids(ids: Iterable[str], thing: str = 'slide') -> Optional[str]:
    """Say which ids are probably meant to be the same, such as ``P1`` and ``p1``."""
    groups = [' = '.join(map(repr, sorted(group))) for group in look_alikes(ids)]
    if not groups:
        return None
    return (
        f'ids of {thing}s that are probably meant to be the same, but count as '
        f'different: {shorten(sorted(groups))}. Write them in one way.'
    )


def warn_of_slides(
    annotations: Sequence[Annotation], ann_file: str, rule: SlideRule = PREFIX
) -> None:
    """Warn where slides are probably merged, or patches taken for slides."""
    alike = same_ids({rule(filename) for filename, _ in annotations})
    if alike:
        warnings.warn(f'{ann_file}: {alike}', stacklevel=3)
    odd = odd_slides(annotations, rule)
    if odd:
        warnings.warn(f'{ann_file}: {odd}. {remedy(annotations, rule)}', stacklevel=3)
