"""Plain vision transformers as their authors' code computes them, over a state dict.

The state dict has timm's names. Each family's own names, and its own rule for positions
between sizes, are below; they follow the code that each function names, not ours.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F

# Source, and width, blocks, heads, side of a patch, native grid, hidden width over
# width; the rest as encode takes it.
SMALL = {'width': 384, 'depth': 12, 'heads': 6}
BASE = {'width': 768, 'depth': 12, 'heads': 12}
LARGE = {'width': 1024, 'depth': 24, 'heads': 16}
HUGE = {'width': 1280, 'depth': 32, 'heads': 16}
GIANT = {'width': 1536, 'depth': 40, 'heads': 24}


def draw(generator, *shape):
    spread = 0.2 if len(shape) < 2 else min(0.2, math.prod(shape[1:]) ** -0.5)
    return torch.randn(shape, generator=generator) * spread


def state_of(
    width,
    depth,
    patch,
    grid,
    ratio=4.0,
    gated=False,
    scaled=False,
    registers=0,
    positions_of='class',
    seed=0,
    **_,
):
    """Draw weights: norms, biases, layer scale off their defaults; white positions."""
    g = torch.Generator().manual_seed(seed)
    hidden = int(width * ratio)
    tokens = (
        grid * grid + {'class': 1, 'patches': 0, 'all': 1 + registers}[positions_of]
    )
    state = {
        'cls_token': draw(g, 1, 1, width) + torch.randn(1, 1, width, generator=g),
        'pos_embed': torch.randn(1, tokens, width, generator=g),
        'patch_embed.proj.weight': draw(g, width, 3, patch, patch),
        'patch_embed.proj.bias': draw(g, width),
        'norm.weight': 1 + draw(g, width),
        'norm.bias': draw(g, width),
    }
    if registers:
        state['reg_token'] = torch.randn(1, registers, width, generator=g)
    for i in range(depth):
        b = f'blocks.{i}.'
        for norm in ('norm1', 'norm2'):
            state[f'{b}{norm}.weight'] = 1 + draw(g, width)
            state[f'{b}{norm}.bias'] = draw(g, width)
        for name, out, into in (
            ('attn.qkv', 3 * width, width),
            ('attn.proj', width, width),
            ('mlp.fc1', hidden, width),
            ('mlp.fc2', width, hidden // 2 if gated else hidden),
        ):
            state[f'{b}{name}.weight'] = draw(g, out, into)
            state[f'{b}{name}.bias'] = draw(g, out)
        if scaled:
            state[f'{b}ls1.gamma'] = 0.5 + draw(g, width)
            state[f'{b}ls2.gamma'] = 0.5 + draw(g, width)
    return state


def dino_positions(grid, new):
    """vision_transformer.py of facebookresearch/dino, dinov2 and HIPT."""
    side = grid.shape[-1]
    scale = ((new[0] + 0.1) / side, (new[1] + 0.1) / side)
    return F.interpolate(grid, scale_factor=scale, mode='bicubic')


def antialiased_positions(grid, new):
    """dinov2/hub/backbones.py with registers; timm/layers/pos_embed.py."""
    return F.interpolate(grid, size=new, mode='bicubic', antialias=True)


def plain_positions(grid, new):
    """util/pos_embed.py of facebookresearch/mae; modeling_vit.py of transformers."""
    return F.interpolate(grid, size=new, mode='bicubic', align_corners=False)


def google_positions(grid, new):
    """vit_jax/checkpoint.py: scipy.ndimage.zoom of order 1."""
    from scipy import ndimage

    zoom = (1, 1, new[0] / grid.shape[-2], new[1] / grid.shape[-1])
    return torch.from_numpy(ndimage.zoom(grid.numpy(), zoom, order=1))


def encode(
    state,
    tokens,
    grid,
    heads,
    rule,
    eps=1e-6,
    gelu='none',
    gated=False,
    registers=0,
    positions_of='class',
    **_,
):
    """Encode embedded patches (N, T, D) of a grid into class tokens (N, D)."""
    n, _, width = tokens.shape
    leading = {'class': 1, 'patches': 0, 'all': 1 + registers}[positions_of]
    own, patches = state['pos_embed'][:, :leading], state['pos_embed'][:, leading:]
    side = math.isqrt(patches.shape[1])
    if (side, side) != grid:
        planes = patches.reshape(1, side, side, width).permute(0, 3, 1, 2)
        planes = rule(planes, grid)
        patches = planes.permute(0, 2, 3, 1).reshape(1, -1, width)
    first = [state['cls_token'].clone()]
    if registers:
        first.append(state['reg_token'])
    first = torch.cat(first, 1)
    if positions_of == 'class':
        first[:, :1] += own
    elif positions_of == 'all':
        first = first + own
    x = torch.cat([first.expand(n, -1, -1), tokens + patches], 1)

    def linear(x, name):
        return F.linear(x, state[f'{name}.weight'], state[f'{name}.bias'])

    def norm(x, name):
        weight, bias = state[f'{name}.weight'], state[f'{name}.bias']
        return F.layer_norm(x, (width,), weight, bias, eps)

    i = 0
    while f'blocks.{i}.norm1.weight' in state:
        b = f'blocks.{i}.'
        qkv = linear(norm(x, b + 'norm1'), b + 'attn.qkv')
        q, k, v = qkv.reshape(n, -1, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) * (width // heads) ** -0.5).softmax(-1)
        mixed = (weights @ v).transpose(1, 2).reshape(n, -1, width)
        gamma1, gamma2 = (state.get(f'{b}ls{j}.gamma', 1) for j in (1, 2))
        x = x + gamma1 * linear(mixed, b + 'attn.proj')
        hidden = linear(norm(x, b + 'norm2'), b + 'mlp.fc1')
        if gated:
            gate, value = hidden.chunk(2, -1)
            hidden = F.silu(gate) * value
        else:
            hidden = F.gelu(hidden, approximate=gelu)
        x = x + gamma2 * linear(hidden, b + 'mlp.fc2')
        i += 1
    return norm(x, 'norm')[:, 0]


def features(state, images, patch, **sizes):
    """Encode images (N, 3, H, W) into class tokens (N, D)."""
    weight, bias = (state[f'patch_embed.proj.{k}'] for k in ('weight', 'bias'))
    maps = F.conv2d(images, weight, bias, stride=patch)
    tokens = maps.flatten(2).transpose(1, 2)
    sizes.pop('grid', None)
    return encode(state, tokens, tuple(maps.shape[-2:]), **sizes)


def hipt_features(patches, region, phi, images, inner, outer):
    """HIPT_4K's forward: class tokens of 256 x 256 pixels, phi, a ViT over them."""
    rows = []
    for y in range(0, images.shape[-2], 256):
        row = [
            features(patches, images[..., y : y + 256, x : x + 256], **inner)
            for x in range(0, images.shape[-1], 256)
        ]
        rows += row
    tokens = torch.stack(rows, 1)  # (N, patches, 384)
    tokens = F.gelu(F.linear(tokens, phi['phi.0.weight'], phi['phi.0.bias']))
    grid = (images.shape[-2] // 256, images.shape[-1] // 256)
    outer = {k: v for k, v in outer.items() if k not in ('grid', 'patch')}
    return encode(region, tokens, grid, **outer)


def dinov2_names(state):
    """The hub's names: the class token's position is the first of pos_embed."""
    new = {}
    for name, tensor in state.items():
        name = name.replace('reg_token', 'register_tokens')
        if 'blocks.0.mlp.fc2.weight' in state:
            gated = 2 * state['blocks.0.mlp.fc2.weight'].shape[1]
            if gated == state['blocks.0.mlp.fc1.weight'].shape[0]:
                name = name.replace('mlp.fc1', 'mlp.w12').replace('mlp.fc2', 'mlp.w3')
        new[name] = tensor
    return {**new, 'mask_token': torch.ones(1, state['cls_token'].shape[-1])}


def flax_arrays(state, heads):
    """Google's names and order of dimensions."""
    arrays, width = {}, state['cls_token'].shape[-1]
    direct = {
        'cls_token': 'cls',
        'pos_embed': 'Transformer/posembed_input/pos_embedding',
        'patch_embed.proj.bias': 'embedding/bias',
        'norm.weight': 'Transformer/encoder_norm/scale',
        'norm.bias': 'Transformer/encoder_norm/bias',
    }
    for name, tensor in state.items():
        array = tensor.numpy()
        if name in direct:
            arrays[direct[name]] = array
            continue
        if name == 'patch_embed.proj.weight':
            arrays['embedding/kernel'] = array.transpose(2, 3, 1, 0)
            continue
        _, number, part, *rest = name.split('.')
        block = f'Transformer/encoderblock_{number}/'
        kind = rest[-1]
        if part in ('norm1', 'norm2'):
            norm = f'{block}LayerNorm_{0 if part == "norm1" else 2}/'
            arrays[norm + ('scale' if kind == 'weight' else 'bias')] = array
        elif part == 'mlp':
            dense = f'{block}MlpBlock_3/Dense_{0 if rest[0] == "fc1" else 1}/'
            arrays[dense + ('kernel' if kind == 'weight' else 'bias')] = array.T
        else:
            attention = f'{block}MultiHeadDotProductAttention_1/'
            if rest[0] == 'proj':
                out = attention + 'out/'
                if kind == 'bias':
                    arrays[out + 'bias'] = array
                else:
                    arrays[out + 'kernel'] = array.T.reshape(heads, -1, width)
                continue
            for piece, part_name in zip(np.split(array, 3), ('query', 'key', 'value')):
                if kind == 'bias':
                    arrays[f'{attention}{part_name}/bias'] = piece.reshape(heads, -1)
                else:
                    kernel = piece.T.reshape(width, heads, -1)
                    arrays[f'{attention}{part_name}/kernel'] = kernel
    return arrays
