"""Numbers of slides that a naming of patches by other rules than ours would give."""

import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Optional

from .annotations import Annotation, bag_of


def odd_slides(annotations: Iterable[Annotation]) -> Optional[str]:
    """Describe what suggests that file names do not begin with the slide's id.

    Args:
        annotations: lines of an annotation file, at least one.

    Returns:
        None for what slides usually are; otherwise what is odd: one slide a class, or
        one patch a slide.
    """
    patches = Counter(bag_of(filename) for filename, _ in annotations)
    slide_of_class: dict[int, set[str]] = {}
    for filename, label in annotations:
        slide_of_class.setdefault(label, set()).add(bag_of(filename))
    slides = len(patches)
    if slides > 1 and max(patches.values()) == 1:
        return f'each of the {slides} slides has one patch'
    if max(map(len, slide_of_class.values())) == 1 and max(patches.values()) > 1:
        return f'each class has one slide ({", ".join(sorted(patches)[:5])})'
    return None


def warn_of_slides(annotations: list[Annotation], ann_file: str) -> None:
    """Warn where slides are probably merged, or patches taken for slides."""
    odd = odd_slides(annotations)
    if odd:
        warnings.warn(
            f'{ann_file}: {odd}. A slide is the name of a patch up to the first "_": '
            'if yours are named otherwise (tumor_001_…), rename the patches, so that '
            'the slide\'s id comes first and has no "_".',
            stacklevel=3,
        )
