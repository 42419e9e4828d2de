"""Other words for the classes of a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from torch import Tensor

from cite.models.heads.caption_file import read_caption_file
from cite.models.heads.text_source import average, check_texts, descriptions

Texts = Union[str, Path, Sequence[Any]]


def read_texts(texts: Texts) -> tuple[list[Any], Optional[list[str]]]:
    """Return the descriptions, and the names of the classes if a file states them."""
    if isinstance(texts, (str, Path)):
        by_class = read_caption_file(str(texts))
        return check_texts([*by_class.values()]), [*by_class]
    return check_texts(texts), None


def embed_texts(head: Any, texts: list[Any], known: Any, owner: str) -> Tensor:
    """Return the embeddings of descriptions of the classes, (K, D) float32.

    Args:
        head: of the model.
        texts: a description, or several, for each of the K classes.
        known: the texts that the head's own embeddings are of.
        owner: the model folder, for the message.

    Raises:
        ValueError: the head has no texts.
    """
    require_texts(head, owner)
    if texts == known and head.text_embeddings is not None:
        return head.text_embeddings.float().cpu()
    flat = [text for entry in texts for text in descriptions(entry)]
    # As while a config's texts are encoded: the encoder may look at all of them.
    before, head.texts = head.texts, texts
    try:
        encoded = head._encode_flat(flat)['text_embeddings'].detach().float()
    finally:
        head.texts = before
    return average(encoded, texts) if len(encoded) == len(flat) else encoded


def require_texts(head: Any, owner: str) -> None:
    """Raise a ``ValueError`` for a model whose head has no texts."""
    if getattr(head, 'text_encoder', None) is None:
        raise ValueError(
            f'{owner} has a head without texts ({type(head).__name__}): its classes '
            'cannot be worded anew, nor its images compared with words.'
        )
