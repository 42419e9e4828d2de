"""What the converter knows about one kind of model to write for."""

import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Callable

import torch

from cite.models.backbones.timm_models import UNUSED

from .layout import State, Translation

Shapes = dict[str, tuple[int, ...]]
# Tensors that every plain ViT has, in timm's names.
PATCH = 'patch_embed.proj.weight'
FC1, FC2 = 'blocks.0.mlp.fc1.weight', 'blocks.0.mlp.fc2.weight'
PLAIN_VIT = ('cls_token', 'pos_embed', PATCH, FC1, FC2)


@dataclass(frozen=True)
class Target:
    """A model class whose state dict is written.

    Args:
        name: name for messages and listings.
        family: family of the layouts that can be written for this model.
        build: function that builds the model whose sizes a state dict shows, and
            raises ``ValueError`` if it shows none.
        config: function that returns the backbone config, and notes on what was
            assumed.
        file_key: key of the backbone config that names the file. Only the names in
            files for ``init_cfg`` may get a prefix such as ``backbone.``.
        rename: function that gives tensors of the family the model's names.
    """

    name: str
    family: str
    build: Callable[[State], torch.nn.Module]
    config: Callable[[State, Translation], tuple[dict[str, Any], list[str]]]
    file_key: str = 'checkpoint'
    rename: Callable[[State], State] = dict

    def shapes(self, state: State) -> Shapes:
        """Return names and shapes of the model, without parts that we do not use."""
        device = torch.device('meta')
        # From 2.0 on, torch can build modules without allocating their weights.
        with device if hasattr(device, '__enter__') else nullcontext():
            tensors = self.build(state).state_dict()
        return {
            name: tuple(tensor.shape)
            for name, tensor in tensors.items()
            if not name.startswith(UNUSED)
        }


def check_plain_vit(state: State) -> None:
    """Refuse tensors, by timm's names, that are not those of a plain ViT."""
    missing_names = [name for name in PLAIN_VIT if name not in state]
    if missing_names:
        raise ValueError(f'it is not a plain ViT: it lacks {", ".join(missing_names)}.')
    if 'fc_norm.weight' in state and 'norm.weight' not in state:
        raise ValueError(
            'the model was fine-tuned with average pooling (fc_norm in place of norm): '
            'convert the pre-trained checkpoint that it started from.'
        )


def count_parts(state: State, prefix: str) -> int:
    """Count the numbers that follow a prefix, such as those of a model's blocks."""
    return len({n[len(prefix) :].split('.')[0] for n in state if n.startswith(prefix)})


def square_side(tokens: int, others: int = 1) -> int:
    """Return the side of the square of patches that a position embedding covers.

    Args:
        tokens: length of the position embedding.
        others: number of its tokens that are not patches.

    Raises:
        ValueError: the patches do not make a square.
    """
    side = math.isqrt(max(tokens - others, 0))
    if side * side != tokens - others:
        extra = f'{others} tokens of class and registers'
        extra = 'one class token' if others == 1 else extra
        raise ValueError(
            f'its position embedding has {tokens} tokens, which is not {extra} and a '
            'square of patches.'
        )
    return side


def note_heads(source: Translation, usual: int) -> list[str]:
    """Tell the user that the number of heads is a guess, unless the source tells it."""
    if source.num_heads:
        return []
    return [
        f'The file does not say its number of attention heads: {usual} is usual for '
        'this width.'
    ]
