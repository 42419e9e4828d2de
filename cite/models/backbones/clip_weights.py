"""Build OpenAI's CLIP from its published weights, exactly and in single precision.

``clip.load`` rounds every weight to half precision, on a CPU too. Here a checkpoint
keeps the precision it was stored in.
"""

from pathlib import Path
from typing import Union

from clip.model import CLIP, ModifiedResNet, VisionTransformer
from torch import Tensor, nn

from cite.core.files.clip_files import (
    CACHE,
    find_checkpoint,
    how_to_convert,
    read_state,
)

from .freezing import freeze

__all__ = ['CACHE', 'load_clip', 'load_visual']

State = dict[str, Tensor]
# What tells the size of the text tower.
_TEXT = (
    'text_projection',
    'positional_embedding',
    'token_embedding.weight',
    'ln_final.weight',
)


def load_clip(arch: str) -> CLIP:
    """Build the whole CLIP, image and text tower, in fp32, frozen, in eval mode.

    Args:
        arch: an OpenAI CLIP model name (``clip.available_models()``) or the path of a
            checkpoint: a state dict, one nested under ``state_dict``, or a TorchScript
            archive.

    Raises:
        FileNotFoundError: neither a model name nor a file, or not to be downloaded.
        ValueError: the file is no OpenAI CLIP checkpoint.
    """
    path = find_checkpoint(arch)
    state = read_state(path)
    visual = _build_visual(state, path)
    _require(state, _TEXT, path)
    width = state['ln_final.weight'].shape[0]
    model = CLIP(
        embed_dim=state['text_projection'].shape[1],
        # The image tower has been built already: a stand-in for the constructor.
        image_resolution=1,
        vision_layers=0,
        vision_width=64,
        vision_patch_size=1,
        context_length=state['positional_embedding'].shape[0],
        vocab_size=state['token_embedding.weight'].shape[0],
        transformer_width=width,
        transformer_heads=width // 64,
        transformer_layers=_count(state, 'transformer.resblocks.'),
    )
    model.visual = visual
    _fill(model, state, path)
    return freeze(model)


def load_visual(arch: str) -> Union[VisionTransformer, ModifiedResNet]:
    """Build CLIP's image tower alone, in fp32 and eval mode; see :func:`load_clip`.

    The checkpoint may hold the image tower (``visual.*``) alone.
    """
    path = find_checkpoint(arch)
    state = read_state(path)
    visual = _build_visual(state, path)
    prefix = 'visual.'
    _fill(
        visual,
        {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)},
        path,
    )
    return visual.eval()


def _build_visual(state: State, path: Path) -> Union[VisionTransformer, ModifiedResNet]:
    """Build the image tower that the shapes ask for; its weights are still random."""
    _require(state, ('visual.conv1.weight',), path)
    if 'visual.class_embedding' not in state:
        return _build_resnet(state, path)
    _require(state, ('visual.positional_embedding', 'visual.proj'), path)
    width, _, _, patch = state['visual.conv1.weight'].shape
    grid = _grid(state['visual.positional_embedding'])
    return VisionTransformer(
        input_resolution=patch * grid,
        patch_size=patch,
        width=width,
        layers=_count(state, 'visual.transformer.resblocks.'),
        heads=width // 64,
        output_dim=state['visual.proj'].shape[1],
    )


def _build_resnet(state: State, path: Path) -> ModifiedResNet:
    positions = 'visual.attnpool.positional_embedding'
    output = 'visual.attnpool.c_proj.weight'
    _require(state, ('visual.layer1.0.conv1.weight', positions, output), path)
    width = state['visual.layer1.0.conv1.weight'].shape[0]
    return ModifiedResNet(
        layers=[_count(state, f'visual.layer{i}.') for i in (1, 2, 3, 4)],
        output_dim=state[output].shape[0],
        heads=width * 32 // 64,
        input_resolution=_grid(state[positions]) * 32,
        width=width,
    )


def _grid(positions: Tensor) -> int:
    """Side of the square grid of a position embedding (1 + side**2, D)."""
    return round((positions.shape[0] - 1) ** 0.5)


def _count(state: State, prefix: str) -> int:
    """Count the numbered modules directly below a prefix."""
    return len({k[len(prefix) :].split('.')[0] for k in state if k.startswith(prefix)})


def _require(state: State, names: tuple[str, ...], path: Path) -> None:
    missing = [name for name in names if name not in state]
    if missing:
        raise ValueError(
            f'{path} is not an OpenAI CLIP checkpoint: missing {", ".join(missing)}. '
            f'{how_to_convert(path)}'
        )


def _fill(module: nn.Module, state: State, path: Path) -> None:
    """Copy a state dict into a module; every key and shape must match."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        _, *differences = (line.strip() for line in str(error).split('\n'))
        raise ValueError(
            f'{path} is not an OpenAI CLIP checkpoint. {" ".join(differences)[:400]} '
            f'{how_to_convert(path)}'
        ) from error
