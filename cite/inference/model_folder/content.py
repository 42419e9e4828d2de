"""What a model folder holds: the content of its config.json, and its weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors.torch import save
from torch import Tensor

from cite.core.frozen import DIGEST_KEY
from cite.version import __version__

from .layout import FORMAT, VERSION, WEIGHTS
from .parts import weights_source
from .read import check_config, data_digest


def fill_content(
    config: Mapping[str, Any],
    network: Any,
    tensors: Mapping[str, Tensor],
    file: str,
    **about: Any,
) -> tuple[dict[str, Any], bytes]:
    """Return the content of config.json, checked, and the file of weights.

    Args:
        config: of the model.
        network: what was built of it.
        tensors: what the file of weights holds.
        file: path of config.json, for messages.
        **about: ``classes``, ``image``, ``patch_pixels``, ``mpp`` and ``training``.
    """
    data = save(dict(tensors))
    content = {
        'format': FORMAT,
        'version': VERSION,
        'cite': __version__,
        'weights': {'file': WEIGHTS, 'sha256': data_digest(data), 'bytes': len(data)},
        'model': _model(config, network),
        'backbone_weights': _backbone_weights(network, tensors),
        'texts': getattr(network.head, 'texts', None),
        **about,
        'calibration': None,
    }
    content = _plain(content, file)
    check_config(content, file)
    return content, data


def state_of(network: Any) -> dict[str, Tensor]:
    """Return what a checkpoint of a run holds, contiguous and on the CPU."""
    if hasattr(network.head, 'encode_texts'):
        network.head.encode_texts()  # a zero-shot model may not have done it yet
    return {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in network.state_dict().items()
    }


def _backbone_weights(network: Any, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    digest = tensors.get(DIGEST_KEY)
    is_features = type(network.backbone).__name__ == 'FeatureBackbone'
    return {
        'source': weights_source(network.backbone_config),
        'digest': None if digest is None else bytes(digest.tolist()).hex(),
        'in_folder': digest is None and not is_features,
        'features': is_features,
    }


def _model(config: Mapping[str, Any], network: Any) -> dict[str, Any]:
    """Describe the parts of a model without what only training needs."""
    head = {k: v for k, v in config['head'].items() if k != 'texts'}
    encoder = head.get('text_encoder')
    if isinstance(encoder, Mapping):
        # A folder's reader runs no code; only a config of one's own may allow it.
        head['text_encoder'] = {
            k: v for k, v in encoder.items() if k != 'trust_remote_code'
        }
    backbone = dict(network.backbone_config)
    if isinstance(config.get('pretrained'), str):  # mmcls' other way to say it
        backbone['init_cfg'] = {
            'type': 'Pretrained',
            'checkpoint': config['pretrained'],
        }
    neck = config.get('neck')
    if isinstance(neck, Mapping) and neck.get('type') == 'ProjectionNeck':
        neck = {**neck, 'out_features': network.neck.out_features}
    return {
        'type': config['type'],
        'precision': getattr(network, 'precision', 'fp32'),
        'freeze': list(config.get('freeze') or []),
        'backbone': backbone,
        'neck': neck,
        'head': head,
    }


def _plain(value: Any, at: str) -> Any:
    """Return plain JSON data, or say which entry is something else."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v, f'{at}: {k}') for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part, at) for part in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    raise ValueError(
        f'{at} is a {type(value).__name__}, which a config.json cannot hold: a model '
        'folder describes the parts of cite and mmcls with plain arguments.'
    )
