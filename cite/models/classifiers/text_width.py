"""Neck and texts find each other: ``model.neck.out_features=None``."""

from torch import nn

from cite.models.necks import ProjectionNeck


def find_text_width(classifier: nn.Module) -> None:
    """Make a projection without ``out_features`` as wide as the head's texts.

    Where the language model cannot be had the neck stays without a width: a checkpoint
    that holds both suffices for testing. Its forward pass then says what is missing.

    Args:
        classifier: with ``neck`` and ``head``.

    Raises:
        ValueError: the head has no texts.
    """
    neck, head = getattr(classifier, 'neck', None), getattr(classifier, 'head', None)
    if not isinstance(neck, ProjectionNeck) or neck.out_features:
        return
    text_width = getattr(head, 'text_width', None)
    if text_width is None:
        raise ValueError(
            'model.neck.out_features is None, which takes the width of the texts of '
            f'model.head; {type(head).__name__} has none. Give a number.'
        )
    try:
        neck.resolve(text_width())
    except FileNotFoundError as error:
        neck.no_width = (
            f'{error} (The neck needs the width of its texts: '
            'model.neck.out_features is None.)'
        )
