from collections.abc import Sequence

from .annotations import Annotation, bag_of


def check_slide_labels(annotations: Sequence[Annotation], ann_file: str) -> None:
    """See that all patches of a slide carry one label.

    Args:
        annotations: all lines of the annotation file, in order.
        ann_file: the file, for the message.

    Raises:
        ValueError: a slide has two labels; the message names it and two lines.
    """
    first: dict[str, tuple[int, int]] = {}
    for line, (filename, label) in enumerate(annotations, 1):
        bag = bag_of(filename)
        known, line_of_known = first.setdefault(bag, (label, line))
        if label != known:
            raise ValueError(
                f'{ann_file}: slide {bag!r} has label {known} in line {line_of_known} '
                f'and label {label} in line {line}. A slide (file name up to the first '
                '"_") has one class: correct the labels, or rename the files.'
            )
