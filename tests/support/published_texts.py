"""Text towers as their authors' code computes them, over a state dict.

Names are those of the published files. Each function follows the paper or code that it
names, not ours. Texts come as one batch of token numbers, padded as the authors pad.
"""

import math

import torch
from published_vits import draw
from torch.nn import functional as F

PAD = 0


def random_state(shapes, seed=0):
    """Draw weights; norms and biases are far from their defaults."""
    g = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        is_norm = any(part in name.lower() for part in ('norm', 'ln_'))
        lift = 1.0 if is_norm and name.endswith('weight') else 0.0
        state[name] = draw(g, *shape) + lift
    return state


def linear(x, state, name):
    return F.linear(x, state[f'{name}.weight'], state.get(f'{name}.bias'))


def norm(x, state, name, eps):
    weight, bias = state[f'{name}.weight'], state[f'{name}.bias']
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


def attend(q, k, v, heads, bias, scale=None):
    """Attend head by head; bias (N or 1, heads or 1, T, T) is added before softmax."""
    split = [x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v)]
    q, k, v = split
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    weights = (q @ k.transpose(2, 3) * scale + bias).softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2)


def hide(mask):
    """(N, T) of ones and zeros to what hides the zeros from all: (N, 1, 1, T)."""
    return torch.zeros(mask.shape).masked_fill(mask == 0, -math.inf)[:, None, None]


def causal(length):
    return torch.full((length, length), -math.inf).triu(1)[None, None]


# --- BERT: Devlin et al., NAACL 2019; modeling.py of google-research/bert -------------


def bert_shapes(width, depth, vocabulary=16, positions=24, pooler=True):
    dense = {'': (width, width), 'intermediate': (4 * width, width)}
    shapes = {
        'embeddings.word_embeddings.weight': (vocabulary, width),
        'embeddings.position_embeddings.weight': (positions, width),
        'embeddings.token_type_embeddings.weight': (2, width),
        'embeddings.LayerNorm.weight': (width,),
        'embeddings.LayerNorm.bias': (width,),
    }
    for i in range(depth):
        layer = f'encoder.layer.{i}'
        parts = {f'attention.self.{p}': dense[''] for p in ('query', 'key', 'value')}
        parts['attention.output.dense'] = dense['']
        parts['intermediate.dense'] = dense['intermediate']
        parts['output.dense'] = dense['intermediate'][::-1]
        for name, shape in parts.items():
            shapes[f'{layer}.{name}.weight'] = shape
            shapes[f'{layer}.{name}.bias'] = shape[:1]
        for name in ('attention.output', 'output'):
            shapes[f'{layer}.{name}.LayerNorm.weight'] = (width,)
            shapes[f'{layer}.{name}.LayerNorm.bias'] = (width,)
    if pooler:
        shapes.update({'pooler.dense.weight': dense[''], 'pooler.dense.bias': (width,)})
    return shapes


def bert(state, ids, mask, heads, eps=1e-12):
    """Return the last hidden states (N, T, D): norms behind sums, exact GELU."""
    embeddings = 'embeddings.'
    x = state[f'{embeddings}word_embeddings.weight'][ids]
    x = x + state[f'{embeddings}position_embeddings.weight'][: ids.shape[1]]
    x = x + state[f'{embeddings}token_type_embeddings.weight'][0]
    x = norm(x, state, f'{embeddings}LayerNorm', eps)
    depth = len({k.split('.')[2] for k in state if k.startswith('encoder.layer.')})
    for i in range(depth):
        layer = f'encoder.layer.{i}'
        q, k, v = (
            linear(x, state, f'{layer}.attention.self.{part}')
            for part in ('query', 'key', 'value')
        )
        y = attend(q, k, v, heads, hide(mask))
        y = linear(y, state, f'{layer}.attention.output.dense')
        x = norm(x + y, state, f'{layer}.attention.output.LayerNorm', eps)
        y = F.gelu(linear(x, state, f'{layer}.intermediate.dense'))
        y = linear(y, state, f'{layer}.output.dense')
        x = norm(x + y, state, f'{layer}.output.LayerNorm', eps)
    return x


# --- BioGPT: Luo et al., Briefings in Bioinformatics 2022; fairseq's decoder ----------


def biogpt_shapes(width, depth, vocabulary, positions=64):
    shapes = {
        'embed_tokens.weight': (vocabulary, width),
        'embed_positions.weight': (positions + 2, width),
        'layer_norm.weight': (width,),
        'layer_norm.bias': (width,),
    }
    for i in range(depth):
        layer = f'layers.{i}'
        parts = {f'self_attn.{p}_proj': (width, width) for p in ('q', 'k', 'v', 'out')}
        parts.update({'fc1': (4 * width, width), 'fc2': (width, 4 * width)})
        parts.update(self_attn_layer_norm=(width,), final_layer_norm=(width,))
        for name, shape in parts.items():
            shapes[f'{layer}.{name}.weight'] = shape
            shapes[f'{layer}.{name}.bias'] = shape[:1]
    return shapes


def biogpt(state, ids, heads, eps=1e-5):
    """Return the states (N, T, D): embeddings times sqrt(D), positions from 2 on."""
    width = state['embed_tokens.weight'].shape[1]
    x = state['embed_tokens.weight'][ids] * math.sqrt(width)
    x = x + state['embed_positions.weight'][2 : 2 + ids.shape[1]]
    depth = len({k.split('.')[1] for k in state if k.startswith('layers.')})
    for i in range(depth):
        layer = f'layers.{i}'
        y = norm(x, state, f'{layer}.self_attn_layer_norm', eps)
        q, k, v = (linear(y, state, f'{layer}.self_attn.{p}_proj') for p in 'qkv')
        y = attend(q, k, v, heads, causal(ids.shape[1]))
        x = x + linear(y, state, f'{layer}.self_attn.out_proj')
        y = norm(x, state, f'{layer}.final_layer_norm', eps)
        y = F.gelu(linear(y, state, f'{layer}.fc1'))
        x = x + linear(y, state, f'{layer}.fc2')
    return norm(x, state, 'layer_norm', eps)


# --- LLaMA: Touvron et al., 2023, arXiv:2302.13971, section 2.2 -----------------------


def llama_shapes(width, depth, hidden, vocabulary=16):
    shapes = {'embed_tokens.weight': (vocabulary, width), 'norm.weight': (width,)}
    for i in range(depth):
        layer = f'layers.{i}'
        for part in 'qkvo':
            shapes[f'{layer}.self_attn.{part}_proj.weight'] = (width, width)
        for part in ('gate', 'up'):
            shapes[f'{layer}.mlp.{part}_proj.weight'] = (hidden, width)
        shapes[f'{layer}.mlp.down_proj.weight'] = (width, hidden)
        for part in ('input', 'post_attention'):
            shapes[f'{layer}.{part}_layernorm.weight'] = (width,)
    return shapes


def root_mean_square(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def rotate(x, heads):
    """Turn pairs of channels (c, c + half) by position * 10000^(-c / half)."""
    n, length, width = x.shape
    x = x.view(n, length, heads, 2, -1)  # (N, T, heads, 2, half)
    half = x.shape[-1]
    angles = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(half) / half)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]  # (T, 1, half)
    first, second = x[:, :, :, 0], x[:, :, :, 1]
    turned = [first * cos - second * sin, second * cos + first * sin]
    return torch.stack(turned, dim=3).reshape(n, length, width)


def llama(state, ids, heads, eps):
    """Return the states (N, T, D): RMS norms, rotary positions, SwiGLU."""
    x = state['embed_tokens.weight'][ids]
    depth = len({k.split('.')[1] for k in state if k.startswith('layers.')})
    for i in range(depth):
        layer = f'layers.{i}'
        y = root_mean_square(x, state[f'{layer}.input_layernorm.weight'], eps)
        q, k, v = (linear(y, state, f'{layer}.self_attn.{p}_proj') for p in 'qkv')
        q, k = rotate(q, heads), rotate(k, heads)
        y = attend(q, k, v, heads, causal(ids.shape[1]))
        x = x + linear(y, state, f'{layer}.self_attn.o_proj')
        weight = state[f'{layer}.post_attention_layernorm.weight']
        y = root_mean_square(x, weight, eps)
        gate = F.silu(linear(y, state, f'{layer}.mlp.gate_proj'))
        y = gate * linear(y, state, f'{layer}.mlp.up_proj')
        x = x + linear(y, state, f'{layer}.mlp.down_proj')
    return root_mean_square(x, state['norm.weight'], eps)


# --- T5: Raffel et al., JMLR 2020; mesh_tensorflow's transformer_layers.py ------------


def t5_shapes(width, depth, heads, hidden, vocabulary=144, head=64):
    inner = heads * head
    shapes = {
        'shared.weight': (vocabulary, width),
        'encoder.final_layer_norm.weight': (width,),
        'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight': (
            32,
            heads,
        ),
    }
    for i in range(depth):
        block = f'encoder.block.{i}.layer'
        for part in 'qkv':
            shapes[f'{block}.0.SelfAttention.{part}.weight'] = (inner, width)
        shapes[f'{block}.0.SelfAttention.o.weight'] = (width, inner)
        shapes[f'{block}.1.DenseReluDense.wi.weight'] = (hidden, width)
        shapes[f'{block}.1.DenseReluDense.wo.weight'] = (width, hidden)
        for layer in (0, 1):
            shapes[f'{block}.{layer}.layer_norm.weight'] = (width,)
    return shapes


def t5_bucket(distance):
    """Return the bucket of key - query: 16 a direction, from 8 on logarithmic."""
    bucket = 16 if distance > 0 else 0
    distance = abs(distance)
    if distance < 8:
        return bucket + distance
    far = 8 + int(math.log(distance / 8) / math.log(128 / 8) * 8)
    return bucket + min(far, 15)


def t5_encoder(state, ids, mask, heads, eps=1e-6):
    """Return the encoder's states (N, T, D): no scale in attention, ReLU, no biases."""
    x = state['shared.weight'][ids]
    length = ids.shape[1]
    buckets = [[t5_bucket(k - q) for k in range(length)] for q in range(length)]
    table = 'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight'
    bias = state[table][torch.tensor(buckets)].permute(2, 0, 1)[None] + hide(mask)
    depth = len({k.split('.')[2] for k in state if k.startswith('encoder.block.')})
    for i in range(depth):
        block = f'encoder.block.{i}.layer'
        y = root_mean_square(x, state[f'{block}.0.layer_norm.weight'], eps)
        q, k, v = (linear(y, state, f'{block}.0.SelfAttention.{p}') for p in 'qkv')
        y = attend(q, k, v, heads, bias, scale=1)
        x = x + linear(y, state, f'{block}.0.SelfAttention.o')
        y = root_mean_square(x, state[f'{block}.1.layer_norm.weight'], eps)
        y = F.relu(linear(y, state, f'{block}.1.DenseReluDense.wi'))
        x = x + linear(y, state, f'{block}.1.DenseReluDense.wo')
    return root_mean_square(x, state['encoder.final_layer_norm.weight'], eps)


# --- CONCH: transformer.py of mahmoodlab/CONCH, conch/open_clip_custom ----------------


def conch_shapes(width, depth, out, vocabulary=16, length=128):
    shapes = {
        'cls_emb': (width,),
        'token_embedding.weight': (vocabulary, width),
        'positional_embedding': (length, width),
        'text_projection': (width, out),
        'ln_final.weight': (width,),
        'ln_final.bias': (width,),
    }
    for i in range(depth):
        block = f'transformer.resblocks.{i}'
        parts = {
            'attn.in_proj_': (3 * width, width),
            'attn.out_proj.': (width, width),
            'mlp.c_fc.': (4 * width, width),
            'mlp.c_proj.': (width, 4 * width),
            'ln_1.': (width,),
            'ln_2.': (width,),
        }
        for name, shape in parts.items():
            shapes[f'{block}.{name}weight'] = shape
            shapes[f'{block}.{name}bias'] = shape[:1]
    return shapes


def conch(state, ids, heads, eps=1e-5):
    """Encode texts padded to 127 tokens into (N, D), by the token behind them.

    The mask of padding for that token is one place too far right in its authors' code,
    and the model was trained with it.
    """
    count = len(ids)
    cls = state['cls_emb'].expand(count, 1, -1)
    x = torch.cat([state['token_embedding.weight'][ids], cls], dim=1)
    x = x + state['positional_embedding']
    bias = causal(x.shape[1]).repeat(count, 1, 1, 1)
    bias[:, 0, -1, 1:].masked_fill_(ids == PAD, -math.inf)
    depth = len({k.split('.')[2] for k in state if k.startswith('transformer.')})
    for i in range(depth):
        block = f'transformer.resblocks.{i}'
        y = norm(x, state, f'{block}.ln_1', eps)
        q, k, v = F.linear(
            y,
            state[f'{block}.attn.in_proj_weight'],
            state[f'{block}.attn.in_proj_bias'],
        ).chunk(3, -1)
        x = x + linear(attend(q, k, v, heads, bias), state, f'{block}.attn.out_proj')
        y = F.gelu(
            linear(norm(x, state, f'{block}.ln_2', eps), state, f'{block}.mlp.c_fc')
        )
        x = x + linear(y, state, f'{block}.mlp.c_proj')
    return norm(x[:, -1], state, 'ln_final', eps) @ state['text_projection']
