"""Build, load and read image models of Hugging Face transformers."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from torch import Tensor, nn

from cite.core.files.json_file import read_json
from cite.core.hub_images import stats_of_configs
from cite.core.image_stats import ImageStats, unknown_stats
from cite.core.messages import shorten
from cite.models import hub
from cite.models.config_sizes import check_sizes

from .joined_gate import join_gates
from .transformers_names import older_name, older_state

# Vision towers of image-text models, whose AutoModel would bring the text tower too.
_TOWERS = {
    'clip': 'CLIPVisionModel',
    'clip_vision_model': 'CLIPVisionModel',
    'siglip': 'SiglipVisionModel',
    'siglip_vision_model': 'SiglipVisionModel',
}
_PREPROCESSOR = ('preprocessor_config.json',)


def create(model_name: str) -> Any:
    """Load an image model, in fp32 and eval mode, without running code of its folder.

    Args:
        model_name: a hub name or a local folder.

    Raises:
        FileNotFoundError: no such folder or hub model, or a file of it is missing.
        ValueError: transformers does not know the architecture, or weights are missing.
    """
    folder = fetch(model_name)
    require_weights(folder, model_name)
    config, kind = read_config(folder)
    # Either version writes names that the other does not know; both read 4's.
    is_tower = kind.__name__ in _TOWERS.values()
    state = older_state(hub.read_weights(folder), is_tower)
    if is_tower:  # the text tower's weights may be there too
        state = {k: t for k, t in state.items() if k.startswith('vision_model.')}
    check_sizes(config, state, f'{folder}/config.json')
    try:
        model, info = kind.from_pretrained(
            None, config=config, state_dict=state, output_loading_info=True
        )
    except Exception as error:  # transformers raises all kinds for odd configs
        raise ValueError(
            f'the weights in {folder} do not fit its config.json: {error}'
        ) from error
    missing_keys = _missing_weights(model, info['missing_keys'])
    if missing_keys:
        raise ValueError(
            f'{folder} lacks {len(missing_keys)} weights of {kind.__name__}: '
            f'{shorten(missing_keys, 3)}. Is it of another architecture?'
        )
    if isinstance(getattr(getattr(model, 'pooler', None), 'dense', None), nn.Linear):
        model.pooler = None  # it is for a ViT's own pre-training task
    _keep_indices(model)
    join_gates(model)
    return model.float().eval()


def _keep_indices(model: nn.Module) -> None:
    """Keep Swin's indices in state dicts, (T, T), which transformers 5 leaves out."""
    for module in model.modules():
        index = getattr(module, 'relative_position_index', None)
        if isinstance(index, Tensor) and index.dim() == 1:
            side = int(len(index) ** 0.5)
            module.register_buffer('relative_position_index', index.view(side, side))


def _missing_weights(model: nn.Module, missing_keys: Iterable[str]) -> list[str]:
    """Leave out a pooler, and tables that the model computes (Swin's indices)."""
    computed = {n for n, b in model.named_buffers() if not b.is_floating_point()}
    return [k for k in missing_keys if 'pooler.dense' not in k and k not in computed]


def saved_name(model: nn.Module, name: str) -> str:
    """Return the name of a model's weight in checkpoints, see transformers_names."""
    return older_name(name, type(model).__name__ in _TOWERS.values())


def require_weights(folder: Path, model_name: str) -> list[Path]:
    """Return the files with a folder's weights; a ``FileNotFoundError`` without any."""
    files = hub.weight_files(folder)
    if not files:
        raise FileNotFoundError(
            f'{folder} lacks model.safetensors (or pytorch_model.bin). Put the weights '
            f'of {model_name} there; docs/MODEL_ZOO.md states where they are.'
        )
    return files


def fetch(model_name: str) -> Path:
    """Return the folder of an image model; see :func:`cite.models.hub.fetch`."""
    return hub.fetch(model_name, 'model.backbone.model_name', _PREPROCESSOR)


def read_config(folder: Path) -> tuple[Any, Any]:
    """Return the config of the image model in a folder, and its class.

    Raises:
        FileNotFoundError: there is no config.json.
        ValueError: transformers has no such architecture.
    """
    import transformers

    hub.read_config_file(folder)
    try:
        # False: transformers would ask on the terminal.
        config = transformers.AutoConfig.from_pretrained(
            str(folder), trust_remote_code=False
        )
    except Exception as error:  # transformers raises all kinds for odd configs
        raise ValueError(
            f'{folder} has an architecture that transformers '
            f'{transformers.__version__} does not have: {error}. If timm has it, use '
            'TIMMImageBackbone.'
        ) from error
    if config.model_type == 'vit_mae':
        raise ValueError(
            f"{folder}: transformers' ViTMAE hides three quarters of the patches, "
            'others each time, so its features are random. Convert it (`cite convert '
            f'{folder} OUT.safetensors --from vit`) and use TIMMImageBackbone.'
        )
    name = _TOWERS.get(config.model_type)
    config = getattr(config, 'vision_config', config)
    if name:
        return config, getattr(transformers, name)
    if type(config) not in transformers.MODEL_MAPPING:
        raise ValueError(
            f'{folder}: transformers has no image model by itself for '
            f'{type(config).__name__}. Known with texts are {", ".join(_TOWERS)}.'
        )
    return config, transformers.MODEL_MAPPING[type(config)]


def blocks_of(model: Any) -> Optional[nn.ModuleList]:
    """Return the transformer blocks of a plain ViT, or None for another model."""
    if prefix_tokens(model) is None:
        return None
    depth = getattr(model.config, 'num_hidden_layers', 0)
    for name, module in model.named_modules():
        last = name.rpartition('.')[2]
        if last in ('layer', 'layers') and isinstance(module, nn.ModuleList):
            return module if len(module) == depth else None
    return None


def prefix_tokens(model: Any) -> Optional[int]:
    """Count the tokens before the patches, or return None without a class token."""
    names = {name.rpartition('.')[2] for name, _ in model.named_parameters()}
    if not names & {'cls_token', 'class_embedding'}:
        return None
    return 1 + getattr(model.config, 'num_register_tokens', 0)


def any_size(model: nn.Module) -> dict[str, bool]:
    """Return the argument that makes a model interpolate its position embedding."""
    option = 'interpolate_pos_encoding'
    arguments = inspect.signature(model.forward).parameters
    return {option: True} if option in arguments else {}


def read_out(model: Any, output: Any) -> Tensor:
    """Reduce a model's output to one vector per image, (N, D).

    The pooled output if the model has one (CLIP's normed class token, the mean of Swin
    and ResNets), else the class token, else the mean over tokens.
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
    config = read_json(file)
    stats = stats_of_configs(config if isinstance(config, dict) else {}, file)
    if stats is None:
        raise unknown_stats(backbone, f'{file} has no image_mean and image_std')
    return stats
