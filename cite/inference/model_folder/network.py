"""Build the network that a model folder describes, with its frozen weights."""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Optional

import torch
from mmcls.models import build_classifier
from torch import Tensor, nn

from cite.core.files.save_torch import save_safetensors
from cite.core.frozen import DIGEST_KEY, frozen_digest
from cite.core.messages import first_line, shorten

from .exported_model import ExportedModel
from .layout import REMEDY, WEIGHTS
from .parts import find_weights, weights_source, with_weights

_CLIP = ('CLIPImageBackbone', 'PromptedCLIPImageBackbone')
_CLIP_NAMES = 'backbone.model.'


def build_network(model: ExportedModel, weights: Optional[str] = None) -> nn.Module:
    """Build a model's network on the CPU, in eval mode.

    Args:
        model: what the folder holds.
        weights: file or folder of the frozen backbone, if it is not where the folder
            says.

    Raises:
        FileNotFoundError: the frozen weights are not here.
        ValueError: they are other weights, or the folder's do not fit its config.json.
    """
    with ExitStack() as stack, torch.random.fork_rng(devices=[]):
        config = _model_config(model, weights, stack)
        network = _built(model, config)
    _check_frozen(network, model, config['backbone'])
    _load(network, model)
    return network.eval().requires_grad_(False)


def _model_config(
    model: ExportedModel, weights: Optional[str], stack: ExitStack
) -> dict[str, Any]:
    config = {k: v for k, v in model.config['model'].items() if v is not None}
    if config['type'] == 'ImageClassifier':  # mmcls' has neither
        config.pop('precision'), config.pop('freeze')
    if model.texts is not None:
        config['head'] = {**config['head'], 'texts': model.texts}
    if not model.config['backbone_weights']['in_folder']:
        config['backbone'] = find_weights(config['backbone'], model.folder, weights)
    elif config['backbone']['type'] in _CLIP:
        # CLIP reads the sizes of its tower off a file.
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        file = _write_clip(model.tensors, Path(folder) / 'clip.safetensors')
        config['backbone'] = with_weights(config['backbone'], file)
    else:
        config['backbone'] = _without_weights(config['backbone'])
    return config


def _write_clip(tensors: Mapping[str, Tensor], path: Path) -> str:
    """Write the image tower of a fine-tuned CLIP in CLIP's own names."""
    names = {name: name.replace('.base_layer.', '.') for name in tensors}
    tower = {
        f'visual.{name[len(_CLIP_NAMES) :]}': tensors[full]
        for full, name in names.items()
        if name.startswith(_CLIP_NAMES) and '.lora_' not in name
    }
    if 'visual.conv1.weight' in tower and 'visual.positional_embedding' in tower:
        width = tower['visual.conv1.weight'].shape[0]
        # Left out by proj=False, which removes it from the model again.
        tower.setdefault('visual.proj', torch.zeros(width, width))
    save_safetensors({k: v.contiguous() for k, v in tower.items()}, path)
    return str(path)


def _without_weights(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config that reads no weights, because the folder has them all."""
    read = ('checkpoint', 'pretrained', 'init_cfg')
    return {key: value for key, value in backbone.items() if key not in read}


def _built(model: ExportedModel, config: dict[str, Any]) -> nn.Module:
    source = weights_source(config['backbone'])
    try:
        network = build_classifier(config)
        init_cfg = getattr(network.backbone, 'init_cfg', None)
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            network.backbone.init_weights()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'{model.folder}: the frozen weights of the backbone ({source}) are not '
            f'here: {first_line(error)} Name their file or folder (weights=, '
            f'--weights), or put it beside config.json.'
        ) from error
    # Arguments are a stranger's: torch, timm and mmcls raise many types on wrong ones.
    except Exception as error:
        raise ValueError(
            f'{model.folder}: the model of config.json cannot be built: '
            f'{type(error).__name__}: {first_line(error)[:300]}'
        ) from error
    return network


def _check_frozen(network: Any, model: ExportedModel, backbone: dict[str, Any]) -> None:
    """Compare the digest of the frozen weights with the one of training."""
    wanted = model.config['backbone_weights']['digest']
    saved = model.tensors.get(DIGEST_KEY)
    stated = None if wanted is None else torch.tensor([*bytes.fromhex(wanted)])
    same = saved is None if stated is None else _equal(saved, stated)
    if not same:
        raise ValueError(
            f'{model.folder / WEIGHTS} and config.json state different digests of the '
            f'frozen weights. {REMEDY}'
        )
    if wanted is None or model.config['backbone_weights']['features']:
        return
    actual = bytes(frozen_digest(network.backbone).tolist()).hex()
    if actual != wanted:
        raise ValueError(
            f'{weights_source(backbone)} holds other weights than the model was '
            f'trained with: their digest is {actual[:12]}…, it must be {wanted[:12]}…. '
            f'Name the right file (weights=, --weights); the export read it from '
            f'{model.config["backbone_weights"]["source"]}.'
        )


def _equal(saved: Optional[Tensor], stated: Tensor) -> bool:
    is_digest = saved is not None and saved.dtype == torch.uint8
    return is_digest and torch.equal(saved.long(), stated)  # type: ignore[union-attr]


def _load(network: Any, model: ExportedModel) -> None:
    """Load what was trained; names, shapes and types must all fit."""
    file, state = model.folder / WEIGHTS, dict(model.tensors)
    types = {name: tensor.dtype for name, tensor in network.state_dict().items()}
    wrong_types = [
        f'{name} ({state[name].dtype}, not {dtype})'
        for name, dtype in types.items()
        if name in state and state[name].dtype != dtype
    ]
    if wrong_types:
        raise ValueError(f'{file}: other types: {shorten(wrong_types, 3)}. {REMEDY}')
    if model.texts is not None and 'head.text_embeddings' not in state:
        raise ValueError(f'{file} lacks head.text_embeddings. {REMEDY}')
    encoder = getattr(network.head, 'text_encoder', None)
    # The language model need not be here, and its name may differ here.
    if encoder is not None:
        network.head.__dict__['text_encoder'] = None
    try:
        network.load_state_dict(state, strict=True)
    except (RuntimeError, ValueError, AttributeError, TypeError) as error:
        lines = ' '.join(str(error).split())
        raise ValueError(
            f'{file} does not fit the model of config.json: {lines[:400]} {REMEDY}'
        ) from error
    finally:
        if encoder is not None:
            network.head.__dict__['text_encoder'] = encoder
