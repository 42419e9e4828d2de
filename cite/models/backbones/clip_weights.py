"""Build OpenAI's CLIP from its published weights, exactly and in single precision.

``clip.load`` rounds every weight to half precision, on a CPU too. Here a checkpoint
keeps the precision it was stored in.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Union

from clip.model import CLIP, ModifiedResNet, VisionTransformer
from torch import Tensor

from cite.core.files.clip_files import find_checkpoint, how_to_convert, read_state
from cite.core.files.clip_sizes import clip_sizes, image_sizes
from cite.core.frozen import freeze
from cite.models.precision import require_float

from .clip_towers import QuickGELU
from .weights_files import load_exactly

Visual = Union[VisionTransformer, ModifiedResNet]
_PREFIX = 'visual.'


def load_clip(arch: str) -> CLIP:
    """Build the whole CLIP, image and text tower, in fp32, frozen, in eval mode.

    Args:
        arch: an OpenAI CLIP model name (``clip.available_models()``) or the path of a
            checkpoint: a state dict, one nested under ``state_dict``, or a TorchScript
            archive.

    Raises:
        FileNotFoundError: neither a model name nor a file, or the download failed.
        ValueError: the file is not an OpenAI CLIP checkpoint.
    """
    with _reading(arch) as (path, state):
        model = _CheckedCLIP(**clip_sizes(state, path))
        load_exactly(model, state, f'{path} is not an OpenAI CLIP checkpoint.')
    return freeze(model)


class _CheckedCLIP(CLIP):
    """CLIP, which would cast bytes that nobody has normalised."""

    def encode_image(self, image: Tensor) -> Tensor:
        """Encode normalised images (N, 3, H, W) into features (N, D)."""
        require_float(image)
        return super().encode_image(image)


def load_visual(arch: str) -> Visual:
    """Build the image tower alone, as :func:`load_clip`; the file may lack the rest."""
    with _reading(arch) as (path, state):
        visual = _build_visual(image_sizes(state, path))
        tower = {k[len(_PREFIX) :]: state[k] for k in state if k.startswith(_PREFIX)}
        load_exactly(visual, tower, f'{path} is not an OpenAI CLIP checkpoint.')
    return visual.eval()


def _build_visual(sizes: dict[str, Any]) -> Visual:
    """Build the image tower as CLIP's constructor does, with random weights."""
    width, patch = sizes['vision_width'], sizes['vision_patch_size']
    arguments = {
        'input_resolution': sizes['image_resolution'],
        'width': width,
        'layers': sizes['vision_layers'],
        'output_dim': sizes['embed_dim'],
    }
    if patch is None:
        return ModifiedResNet(heads=width * 32 // 64, **arguments)
    visual = VisionTransformer(patch_size=patch, heads=width // 64, **arguments)
    for block in visual.transformer.resblocks:
        block.mlp.gelu = QuickGELU()
    return visual


@contextmanager
def _reading(arch: str) -> Iterator[tuple[Path, dict[str, Tensor]]]:
    """Give path and state dict of a checkpoint; name the remedy if it does not fit."""
    path = find_checkpoint(arch)
    state = read_state(path)
    try:
        yield path, state
    except ValueError as error:
        raise ValueError(f'{error} {how_to_convert(path)}') from error
