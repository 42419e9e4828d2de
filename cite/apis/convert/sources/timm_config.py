"""What the config beside a file of timm's weights tells that their shapes do not."""

from typing import Any, Optional

import timm
import torch
from torch import nn

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import State
from cite.models.backbones.weights_options import options_of_weights

# Activations by timm's names, which a converted file can note; GELU is the usual one.
ACTIVATIONS = {
    'GELU': None,
    'GELUTanh': 'gelu_tanh',
    'QuickGELU': 'quick_gelu',
    # The gated network has it, which the shapes tell.
    'SiLU': None,
}
_NAMES = {'gelu': 'GELU', 'gelu_tanh': 'GELUTanh', 'quick_gelu': 'QuickGELU'}
NOTE = (
    'The file does not say its activation: GELU is assumed. If the model was made from '
    "CLIP's of OpenAI, it is QuickGELU: add act_layer='quick_gelu' to the backbone."
)


def read_timms_config(checkpoint: Checkpoint, state: State) -> dict[str, Any]:
    """Return the arguments of a :class:`Translation` that an architecture implies.

    Timm's own ``config.json`` names the architecture, and so does open_clip's. Without
    either, a norm before the first block is a sign of CLIP.

    Raises:
        ValueError: the architecture has another activation than our backbones.
    """
    config = checkpoint.config
    arguments = config.get('model_args') or {}
    vision = (config.get('model_cfg') or {}).get('vision_cfg') or {}
    name = config.get('architecture') or vision.get('timm_model_name')
    name = name if isinstance(name, str) else ''
    block = _first_block(name)
    if block is None:
        is_clip = 'norm_pre.weight' in state
        return {'norm_eps': 1e-5, 'notes': [NOTE]} if is_clip else {}
    kind = type(block.mlp.act).__name__
    if isinstance(arguments, dict) and 'act_layer' in arguments:
        kind = _NAMES.get(str(arguments['act_layer']), str(arguments['act_layer']))
    if kind not in ACTIVATIONS:
        raise ValueError(f'it has the activation {kind}; known are GELU and QuickGELU.')
    tag = (config.get('pretrained_cfg') or {}).get('tag')
    options = options_of_weights(f'{name}.{tag}' if tag else name, None)
    if ACTIVATIONS[kind]:
        options['act_layer'] = ACTIVATIONS[kind]
    heads = block.attn.num_heads
    if isinstance(arguments, dict) and type(arguments.get('num_heads')) is int:
        heads = arguments['num_heads']
    return {'num_heads': heads, 'norm_eps': block.norm1.eps, 'options': options}


def _first_block(name: str) -> Optional[Any]:
    """Build the first block of one of timm's vision transformers; None for others."""
    if not timm.is_model(name):
        return None
    try:
        with torch.no_grad():
            model = timm.create_model(name, pretrained=False, depth=1, num_classes=0)
        block: Any = model.blocks[0]  # type: ignore[index]
    except (TypeError, AttributeError, IndexError, RuntimeError):
        return None
    parts = [getattr(getattr(block, 'mlp', None), 'act', None), block.attn, block.norm1]
    return block if all(isinstance(part, nn.Module) for part in parts) else None
