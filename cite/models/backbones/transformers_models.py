"""Build, load and read image models of Hugging Face transformers."""

import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from torch import Tensor, nn

from cite.core.files.weights import load_weights
from cite.core.image_stats import ImageStats, unknown_stats
from cite.models.transformers_config import read_config_file

# Vision towers of image-text models, whose AutoModel would bring the text tower too.
_TOWERS = {
    'clip': 'CLIPVisionModel',
    'clip_vision_model': 'CLIPVisionModel',
    'siglip': 'SiglipVisionModel',
    'siglip_vision_model': 'SiglipVisionModel',
}
_WEIGHTS = ('model.safetensors', 'pytorch_model.bin')
_FILES = ['*.json', *_WEIGHTS]


def create(model_name: str) -> Any:
    """Load an image model, in fp32 and eval mode, without running code of its folder.

    Args:
        model_name: a hub name or a local folder.

    Raises:
        FileNotFoundError: no such folder or hub model, or a file of it is missing.
        ValueError: transformers does not know the architecture, or weights are missing.
    """
    folder = fetch(model_name)
    file = weights_file(folder, model_name)
    config, kind = read_config(folder)
    try:
        model, info = kind.from_pretrained(
            None, config=config, state_dict=load_weights(file), output_loading_info=True
        )
    except RuntimeError as error:
        raise ValueError(f'{file} does not fit its config.json: {error}') from error
    needed = [k for k in info['missing_keys'] if 'pooler.dense' not in k]
    if needed:
        raise ValueError(
            f'{file} lacks {len(needed)} weights of {kind.__name__}, '
            f'{", ".join(needed[:3])} among them. Is it of another architecture?'
        )
    return without_pooler(model).float().eval()


def weights_file(folder: Path, model_name: str) -> Path:
    """Return the file of a folder that holds the weights.

    Raises:
        FileNotFoundError: there is none.
    """
    file = next((folder / f for f in _WEIGHTS if (folder / f).is_file()), None)
    if file is None:
        raise FileNotFoundError(
            f'{folder} lacks {" (or ".join(_WEIGHTS)}). Put the weights of '
            f'{model_name} there; docs/MODEL_ZOO.md says where they are.'
        )
    return file


def without_pooler(model: Any) -> Any:
    """Take off the dense layer that a ViT has for its own pre-training task."""
    if isinstance(getattr(getattr(model, 'pooler', None), 'dense', None), nn.Linear):
        model.pooler = None
    return model


def fetch(model_name: str) -> Path:
    """Return the local folder of a hub name or path, downloading it if need be.

    Raises:
        FileNotFoundError: it is not here and cannot be had.
    """
    folder = Path(model_name).expanduser()
    if folder.is_dir():
        return folder
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(model_name, allow_patterns=_FILES))
    # No network, no such name, no access: the hub has an exception of its own for each.
    except Exception as error:
        reason = str(error).strip().split('\n')[0]
        raise FileNotFoundError(
            f'{model_name} is no folder and could not be had from the hub ({reason}). '
            'Where it is gated, ask for access on its page and log in with '
            '`hf auth login`; without a network run `hf download '
            f'{model_name} --local-dir FOLDER` elsewhere and give FOLDER as model_name.'
        ) from error


def read_config(folder: Path) -> tuple[Any, Any]:
    """Return the config of the image model in a folder, and its class.

    Raises:
        FileNotFoundError: there is no config.json.
        ValueError: transformers has no such architecture.
    """
    import transformers

    read_config_file(folder)
    try:
        # False: transformers would ask on the terminal.
        config = transformers.AutoConfig.from_pretrained(
            str(folder), trust_remote_code=False
        )
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(
            f'{folder} is of an architecture that transformers '
            f'{transformers.__version__} does not have: {error}. If timm has it, use '
            'TIMMImageBackbone.'
        ) from error
    return tower(config)


def tower(config: Any) -> tuple[Any, Any]:
    """Return the image part of a config, and the class of its model."""
    import transformers

    name = _TOWERS.get(config.model_type)
    config = getattr(config, 'vision_config', config)
    if name:
        return config, getattr(transformers, name)
    return config, transformers.MODEL_MAPPING[type(config)]


def blocks_of(model: Any) -> Optional[nn.ModuleList]:
    """Return the transformer blocks of a plain ViT, or None of anything else."""
    if prefix_tokens(model) is None:
        return None
    depth = model.config.num_hidden_layers
    for name, module in model.named_modules():
        last = name.rpartition('.')[2]
        if last in ('layer', 'layers') and isinstance(module, nn.ModuleList):
            return module if len(module) == depth else None
    return None


def prefix_tokens(model: Any) -> Optional[int]:
    """Count the tokens before the patches: class token and registers.

    None where there is no class token: hierarchical and convolutional models.
    """
    names = {name.rpartition('.')[2] for name, _ in model.named_parameters()}
    if not names & {'cls_token', 'class_embedding'}:
        return None
    return 1 + getattr(model.config, 'num_register_tokens', 0)


def any_size(model: nn.Module) -> dict[str, bool]:
    """Return the argument that makes a model interpolate its position embedding."""
    option = 'interpolate_pos_encoding'
    known = inspect.signature(model.forward).parameters
    return {option: True} if option in known else {}


def read_out(model: Any, output: Any) -> Tensor:
    """Return one vector per image, (N, D), of a model's output.

    The pooled output where the model has one (of CLIP the normed class token, of Swin
    and ResNets the mean), else the class token, else the mean over tokens.
    """
    pooled = getattr(output, 'pooler_output', None)
    if pooled is not None:
        return pooled.flatten(1)
    tokens = output.last_hidden_state  # (N, T, D)
    return tokens.mean(1) if prefix_tokens(model) is None else tokens[:, 0]


def patch_and_side(model: Any) -> Iterator[int]:
    """Yield the side of a patch and of the images a model is meant for, in pixels."""
    for name, default in (('patch_size', 1), ('image_size', 224)):
        value = getattr(model.config, name, default)
        yield int(value if isinstance(value, int) else value[0])


# PIL's numbers in preprocessor_config.json, and torchvision's names for them.
_RESAMPLE = {0: 'nearest', 1: 'lanczos', 2: 'bilinear', 3: 'bicubic', 4: 'box'}


def stats_of_folder(backbone: Mapping[str, Any]) -> ImageStats:
    """Return how the ``preprocessor_config.json`` of a model prepares images.

    Args:
        backbone: config with ``model_name``.

    Raises:
        ValueError: the file is missing, or has no mean and std.
    """
    file = fetch(backbone['model_name']) / 'preprocessor_config.json'
    if not file.is_file():
        raise unknown_stats(backbone, f'there is no {file}')
    config = json.loads(file.read_text(encoding='utf-8'))
    if not {'image_mean', 'image_std'} <= {*config}:
        raise unknown_stats(backbone, f'{file} has no image_mean and image_std')
    size = config.get('crop_size') or config.get('size') or 224
    if isinstance(size, dict):
        size = size.get('height') or size.get('shortest_edge') or 224
    return ImageStats(
        tuple(config['image_mean']),
        tuple(config['image_std']),
        _RESAMPLE.get(config.get('resample', 3), 'bicubic'),
        size,
    )
