"""Check the prompt options of a config."""

from collections.abc import Sequence
from typing import Optional

POSITIONS = ('prepend', 'add')


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices``, or raise a ``ValueError``."""
    if value not in choices:
        raise ValueError(f'{name} is {value!r}; choose one of {list(choices)}.')
    return value


def check_length(length: int) -> int:
    """Return a valid ``prompt_length``, or raise a ``ValueError``."""
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise ValueError(f'prompt_length is {length!r}; give 0 or more tokens.')
    return length


def check_layers(layers: Optional[Sequence[int]], depth: int) -> list[int]:
    """Return the numbers of the prompted blocks, by default ``[0]``.

    Raises:
        ValueError: no block, a block twice, or one outside the depth.
    """
    if layers is None:
        return [0]
    if isinstance(layers, int):
        raise ValueError(f'prompt_layers is {layers}; give a list: [{layers}].')
    layers = list(layers)
    wrong = [i for i in layers if not isinstance(i, int) or not 0 <= i < depth]
    if wrong:
        raise ValueError(
            f'prompt_layers={layers} names {wrong}, but this backbone has {depth} '
            f'blocks, numbered 0 to {depth - 1}.'
        )
    if not layers or len(set(layers)) < len(layers):
        raise ValueError(
            f'prompt_layers={layers}; list at least one block, and each once '
            f'(0 to {depth - 1}).'
        )
    return layers
