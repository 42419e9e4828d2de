"""Find, download and read OpenAI CLIP checkpoints."""

import os
import tempfile
from pathlib import Path

import clip.clip
from torch import Tensor

from cite.core.messages import meant

from .clip_sizes import image_sizes
from .elsewhere import looked_at, root_of
from .weights import load_weights
from .write_whole import write_whole

# The folder into which `clip.load` downloads.
CACHE = '~/.cache/clip'
# OpenAI's archives hold these facts about the model beside the weights.
_FACTS = ('input_resolution', 'context_length', 'vocab_size')
# torch prefixes the names of a model that was trained on several devices.
_PARALLEL = 'module.'


def find_checkpoint(arch: str) -> Path:
    """Return the local file of a model, downloading it if necessary.

    Args:
        arch: name of an OpenAI model, or path of a file.

    Raises:
        FileNotFoundError: ``arch`` is neither name nor file, or the download failed.
    """
    if arch in clip.clip._MODELS:
        return _download(arch)
    path = Path(arch).expanduser()
    if not path.is_file():
        raise FileNotFoundError(_unknown(arch))
    return path


def _unknown(arch: str) -> str:
    if root_of(arch):
        return f'arch={arch!r}: no such file.{looked_at(arch)}'
    known = f'arch={arch!r} is neither a file nor an OpenAI CLIP model; known are '
    known += ', '.join(_INPUT_SIZES)
    near = meant(arch, _INPUT_SIZES)
    if '?' in near:
        return f'{known}{near}'
    if Path(arch).suffix or Path(arch).is_absolute():
        return f'{known}.{looked_at(arch)} {how_to_convert(arch)}'
    return (
        f'{known}.{looked_at(arch)} For a model of a hub take type='
        "'TransformersImageBackbone' with its model_name, or 'TIMMImageBackbone': "
        'docs/MODEL_ZOO.md.'
    )


def how_to_convert(arch: object) -> str:
    """Explain how to make a file in CLIP's layout."""
    return (
        'docs/MODEL_ZOO.md lists where other models are; `cite convert SOURCE '
        f'{arch} --from clip` writes the file.'
    )


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint's state dict, bare or nested under ``state_dict``.

    Raises:
        ValueError: the file does not hold a state dict.
    """
    state = load_weights(path)
    if isinstance(state, dict) and isinstance(state.get('state_dict'), dict):
        state = state['state_dict']
    if not isinstance(state, dict):
        raise ValueError(
            f'{path} is not an OpenAI CLIP checkpoint: it holds a '
            f'{type(state).__name__} instead of a state dict.'
        )
    if state and all(k.startswith(_PARALLEL) for k in state):
        state = {k[len(_PARALLEL) :]: v for k, v in state.items()}
    return {k: v for k, v in state.items() if k not in _FACTS}


def _download(arch: str) -> Path:
    """Download a published checkpoint into CLIP's cache, whole or not at all."""
    url = clip.clip._MODELS[arch]
    target = Path(CACHE).expanduser() / os.path.basename(url)
    if target.is_file():
        return target
    try:
        # A separate folder, because processes may download at the same time.
        with (
            write_whole(target) as partial,
            tempfile.TemporaryDirectory(dir=str(target.parent)) as folder,
        ):
            os.replace(clip.clip._download(url, folder), partial)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f'CLIP {arch} could not be downloaded ({error}). Download {url} on a '
            f'machine that can and put it at {target}, or give its path as `arch`.'
        ) from error
    return target


# Source: https://github.com/openai/CLIP, clip/clip.py.
_INPUT_SIZES = {
    'RN50': 224,
    'RN101': 224,
    'RN50x4': 288,
    'RN50x16': 384,
    'RN50x64': 448,
    'ViT-B/32': 224,
    'ViT-B/16': 224,
    'ViT-L/14': 224,
    'ViT-L/14@336px': 336,
}


def input_size(arch: str) -> int:
    """Return the edge of the images that a CLIP takes, pixels, without building it.

    Args:
        arch: an OpenAI CLIP model name, or the path of a checkpoint.

    Raises:
        ValueError: neither a known name nor a CLIP checkpoint.
    """
    if arch in _INPUT_SIZES:
        return _INPUT_SIZES[arch]
    path = Path(arch).expanduser()
    if not path.is_file():
        raise ValueError(_unknown(arch))
    return int(image_sizes(read_state(path), path)['image_resolution'])
