"""Names of weights of transformers 5's image models under which 4 knows them.

transformers 5 renamed layers. Checkpoints, digests and features of ours name them as
4 does, whichever is installed, so that both read what the other trained.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_QKV = {'q': 'query', 'k': 'key', 'v': 'value'}
# Microsoft's Swin begins like a ViT: `layers.0.blocks.0…`.
_VIT = re.compile(r'^layers\.(?=\d+\.(attention|mlp|layernorm_|lambda_))')
_DINOV2 = re.compile(r'^encoder\.layer\.\d+\.attention\.[qkvo]_proj\.')
# 4 keeps the two layers of its gated network in one.
_GATE = re.compile(r'^encoder\.layer\.\d+\.mlp\.gate_proj\.')
_VALUE = re.compile(r'^encoder\.layer\.\d+\.mlp\.up_proj\.')
_AFTER_GATE = re.compile(r'^(encoder\.layer\.\d+\.mlp\.)down_proj\.')
_SWIN = re.compile(
    r'^encoder\.layers\.\d+\.blocks\.\d+\.'
    r'(attention\.([qkvo]_proj|relative_position_bias)|mlp)\.'
)
# A vision transformer's, and a ConvNeXt's.
_BLOCK_OF_DINOV3 = re.compile(r'^model\.(?=(layer|stages)\.\d+\.)')
# Towers that had one more level of modules, CLIP's and SigLIP's.
_TOWER = re.compile(
    r'^(embeddings|pre_layrnorm|encoder|post_layernorm|head)\b', re.ASCII
)


def older_name(name: str, is_tower: bool = False) -> str:
    """Return the name of a weight in transformers 4; older names stay as they are.

    Args:
        name: name within the model, of transformers 4 or 5.
        is_tower: the model is a ``CLIPVisionModel`` or ``SiglipVisionModel``.

    >>> older_name('layers.3.attention.q_proj.weight')
    'encoder.layer.3.attention.attention.query.weight'
    >>> older_name('post_layernorm.bias', is_tower=True)
    'vision_model.post_layernorm.bias'
    """
    if is_tower:
        return _TOWER.sub(r'vision_model.\1', name)
    if _VIT.match(name):
        return _plain(_attention(_VIT.sub('encoder.layer.', name), 'attention'))
    if _DINOV2.match(name):
        return _attention(name, 'attention')
    if _SWIN.match(name):
        name = name.replace('.relative_position_bias.', '.self.')
        return _plain(_attention(name, 'self'))
    if _AFTER_GATE.match(name):
        return _AFTER_GATE.sub(r'\1weights_out.', name)
    return _BLOCK_OF_DINOV3.sub('', name)


def older_state(
    state: Mapping[str, Tensor], is_tower: bool = False
) -> dict[str, Tensor]:
    """Return weights as transformers 4 keeps them; older ones stay as they are.

    Args:
        state: tensors by name, of transformers 4 or 5.
        is_tower: see :func:`older_name`.

    Raises:
        ValueError: two weights have the same older name.
    """
    older: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if _VALUE.match(name) and name.replace('.up_', '.gate_') in state:
            continue
        value = state.get(name.replace('.gate_', '.up_'))
        if _GATE.match(name) and value is not None:
            name = name.replace('.gate_proj.', '.weights_in.')
            tensor = torch.cat([tensor, value])
        name = older_name(name, is_tower)
        if name in older:
            raise ValueError(f'two tensors of the checkpoint are both called {name}.')
        older[name] = tensor
    return older


def _attention(name: str, inner: str) -> str:
    """Rename the projections of an attention, whose module was called ``inner``."""
    name = re.sub(
        r'\.attention\.([qkv])_proj\.',
        lambda match: f'.attention.{inner}.{_QKV[match[1]]}.',
        name,
    )
    return name.replace('.attention.o_proj.', '.attention.output.dense.')


def _plain(name: str) -> str:
    """Rename the two layers after an attention."""
    name = name.replace('.mlp.fc1.', '.intermediate.dense.')
    return name.replace('.mlp.fc2.', '.output.dense.')
