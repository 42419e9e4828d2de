"""Find, fetch and read OpenAI CLIP checkpoints."""

import os
import tempfile
from math import isqrt
from pathlib import Path

import clip.clip
from torch import Tensor

from .weights import load_weights

# Where `clip.load` keeps its downloads.
CACHE = '~/.cache/clip'
# Facts about the model that OpenAI's archives carry beside the weights.
_FACTS = ('input_resolution', 'context_length', 'vocab_size')
# What torch puts in front of the names of a model that was trained on several devices.
_PARALLEL = 'module.'


def find_checkpoint(arch: str) -> Path:
    """Return the local file of a model name or path, downloading it if need be.

    Raises:
        FileNotFoundError: neither a model name nor a file, or not to be downloaded.
    """
    if arch in clip.clip._MODELS:
        return _download(arch)
    path = Path(arch).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f'arch={arch!r} is neither a file nor an OpenAI CLIP model; the models are '
            f'{", ".join(clip.clip.available_models())}. {how_to_convert(arch)}'
        )
    return path


def how_to_convert(arch: object) -> str:
    """Say where a file of CLIP's kind comes from."""
    return (
        'docs/MODEL_ZOO.md says where other models are; `python tools/convert_model.py '
        f'SOURCE {arch} --from clip` writes the file.'
    )


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint's state dict, bare or nested under ``state_dict``.

    ``module.`` in front of all names is left out.

    Raises:
        ValueError: the file holds something else.
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
    """Fetch a published checkpoint into CLIP's cache: whole, or not at all."""
    url = clip.clip._MODELS[arch]
    target = Path(CACHE).expanduser() / os.path.basename(url)
    if target.is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # A folder of its own: several processes may want the file at the same time.
        with tempfile.TemporaryDirectory(dir=str(target.parent)) as folder:
            os.replace(clip.clip._download(url, folder), target)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f'CLIP {arch} could not be downloaded ({error}). Fetch {url} on a machine '
            f'that can and put it at {target}, or give its path as `arch`.'
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
        raise ValueError(
            f'arch={arch!r} is neither a file nor an OpenAI CLIP model; '
            f'known are {", ".join(_INPUT_SIZES)}. {how_to_convert(arch)}'
        )
    weights = read_state(path)
    if 'visual.positional_embedding' in weights:
        grid = isqrt(len(weights['visual.positional_embedding']) - 1)
        return grid * weights['visual.conv1.weight'].shape[-1]
    if 'visual.attnpool.positional_embedding' in weights:
        # The stem and the stages of CLIP's ResNets halve the image five times.
        return 32 * isqrt(len(weights['visual.attnpool.positional_embedding']) - 1)
    raise ValueError(
        f'{path} is not an OpenAI CLIP checkpoint: it has no '
        'visual.positional_embedding and no visual.attnpool.positional_embedding.'
    )
