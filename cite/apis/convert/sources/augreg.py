"""Google's ViTs in npz files: the first ImageNet-21k ones and those of AugReg.

Source: Steiner et al., *How to train your ViT? Data, Augmentation, and Regularization
in Vision Transformers*, TMLR 2022, and its published checkpoints.
"""

from dataclasses import replace

import torch

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, State, Translation
from cite.apis.convert.names import fuse_qkv, rename, tensors_of, without
from cite.core.image_stats import HALF

BLOCK = r'^Transformer/encoderblock_(\d+)/'
RULES = [
    (r'^cls$', 'cls_token'),
    (r'^Transformer/posembed_input/pos_embedding$', 'pos_embed'),
    (r'^embedding/', 'patch_embed.proj.'),
    (r'^Transformer/encoder_norm/', 'norm.'),
    (BLOCK, r'blocks.\1.'),
    (r'\.MultiHeadDotProductAttention_1/out/', '.attn.proj.'),
    (r'\.MultiHeadDotProductAttention_1/(query|key|value)/', r'.attn.\1.'),
    (r'\.MlpBlock_3/Dense_0/', '.mlp.fc1.'),
    (r'\.MlpBlock_3/Dense_1/', '.mlp.fc2.'),
    (r'\.LayerNorm_0/', '.norm1.'),
    (r'\.LayerNorm_2/', '.norm2.'),
    (r'\.(kernel|scale)$', '.weight'),
]
QUERY = 'Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel'


def _state(checkpoint: Checkpoint) -> State:
    return tensors_of(checkpoint.content, prefixes=('opt/target/',))


def recognises(checkpoint: Checkpoint) -> bool:
    return QUERY in _state(checkpoint)


def torch_shape(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Give one of flax's arrays torch's order of dimensions.

    A kernel has its input dimension first; the attention's kernels have one of heads.
    """
    if '/query/' in name or '/key/' in name or '/value/' in name:
        if name.endswith('/bias'):
            return tensor.flatten()  # (heads, D/heads) -> (D,)
        return tensor.flatten(1).T  # (D, heads, D/heads) -> (D, D)
    if name.endswith('/out/kernel'):
        return tensor.flatten(0, 1).T  # (heads, D/heads, D) -> (D, D)
    if name == 'embedding/kernel':
        return tensor.permute(3, 2, 0, 1)  # (h, w, in, out) -> (out, in, h, w)
    return tensor.T if name.endswith('/kernel') and tensor.dim() == 2 else tensor


def translate(checkpoint: Checkpoint) -> Translation:
    """Transpose kernels, rename, and stack query, key and value."""
    state, dropped = without(_state(checkpoint), ('head/', 'pre_logits/'))
    num_heads = state[QUERY].shape[1]
    state = {name: torch_shape(name, tensor) for name, tensor in state.items()}
    state = fuse_qkv(rename(state, RULES), ('query', 'key', 'value'), '.qkv.')
    return Translation(state, dropped, num_heads)


AUGREG = Layout(
    'augreg',
    'vit',
    f"an npz with '{QUERY}'",
    recognises,
    translate,
    # As tf.image.resize does by default.
    replace(HALF, interpolation='bilinear'),
)
