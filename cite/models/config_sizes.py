"""Whether the sizes in a ``config.json`` fit the weights beside it."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

# Keys of transformers' configs: width, depth, and what is multiplied with the width.
_WIDTHS = ('hidden_size', 'd_model', 'n_embd')
_DEPTHS = ('num_hidden_layers', 'num_layers', 'n_layer', 'num_decoder_layers')
_FACTORS = (
    *('vocab_size', 'intermediate_size', 'd_ff', 'max_position_embeddings'),
    *('n_positions', 'type_vocab_size', 'embedding_size', 'num_attention_heads'),
    *('image_size', 'patch_size', 'num_channels', 'projection_dim'),
)
_MOST_LAYERS = 1000
# Rotary positions and shared layers need no weights, so sizes may exceed them.
_TIMES, _BESIDE = 16, 1 << 28


def check_sizes(config: Any, state: Mapping[str, Tensor], where: object) -> None:
    """Check a config before a model is built, which takes the memory that it claims.

    Args:
        config: config of transformers.
        state: the model's weights by name.
        where: start of the message.

    Raises:
        ValueError: a size is not a count, or far larger than the weights.
    """
    most = _TIMES * sum(tensor.numel() for tensor in state.values()) + _BESIDE
    towers = (getattr(config, f'{name}_config', None) for name in ('text', 'vision'))
    for part in (config, *towers):
        width = max(_count(part, key, where) for key in _WIDTHS)
        depth = max(_count(part, key, where) for key in _DEPTHS)
        if depth > _MOST_LAYERS:
            raise ValueError(f'{where} has {depth:,} layers, more than any model.')
        for key in _FACTORS:
            value = _count(part, key, where)
            if value * max(width, 1) > most:
                raise ValueError(
                    f'{where} says {key}={value:,} and a width of {width:,}: far more '
                    'than its weights have. Copy the published config.json there.'
                )


def _count(config: Any, key: str, where: object) -> int:
    value = getattr(config, key, None)
    value = 0 if value is None else value
    largest = max(value, default=0) if isinstance(value, (list, tuple)) else value
    if type(largest) is not int or largest < 0:
        raise ValueError(
            f'{where} says {key}={str(value)[:60]!r}, which is not a size.'
        )
    return largest
