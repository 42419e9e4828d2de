"""Small operations on the names of a state dict."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import torch

from .translation import State

# What stands on top of a timm-like ViT, under the names that published files use.
HEADS = ('head.', 'fc.', 'pre_logits.')


def tensors_of(content: Mapping[str, Any], *wrappers: str) -> State:
    """Return the tensors below the first of these keys, or of the dict itself."""
    for key in wrappers:
        if isinstance(content.get(key), Mapping):
            content = content[key]
            break
    return {k: v for k, v in content.items() if isinstance(v, torch.Tensor)}


def strip_prefix(state: State, prefix: str) -> State:
    """Take a prefix off the names that have it."""
    return rename(state, [('^' + re.escape(prefix), '')])


def rename(state: State, rules: Sequence[tuple[str, str]]) -> State:
    """Apply regular expressions to all names, one after another.

    Raises:
        ValueError: two tensors end up under one name.
    """
    renamed: State = {}
    for old, tensor in state.items():
        name = old
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        if name in renamed:
            raise ValueError(f'two tensors of the checkpoint are both called {name}.')
        renamed[name] = tensor
    return renamed


def without(state: State, prefixes: tuple[str, ...]) -> tuple[State, list[str]]:
    """Part a state dict into what stays and the names that start with a prefix."""
    kept = {k: v for k, v in state.items() if not k.startswith(prefixes)}
    return kept, [k for k in state if k not in kept]


def fuse_qkv(state: State, parts: tuple[str, str, str], fused: str) -> State:
    """Stack separate query, key and value tensors by rows, in this order.

    Incomplete triples stay as they are.

    Args:
        state: tensors by name, such as ``blocks.0.attn.query.weight``.
        parts: the three names, such as ``('query', 'key', 'value')``.
        fused: what replaces ``.query.``, such as ``.qkv.``.
    """
    out = dict(state)
    for name in state:
        stem, found, kind = name.rpartition(f'.{parts[0]}.')
        triple = [f'{stem}.{part}.{kind}' for part in parts]
        if found and all(one in state for one in triple):
            out[f'{stem}{fused}{kind}'] = torch.cat([out.pop(one) for one in triple])
    return out


def is_timm_vit(state: State) -> bool:
    """Tell timm's names for transformer blocks, which MoCo, MAE and DINO share."""
    return 'blocks.0.norm1.weight' in state


def collapse(names: Sequence[str], limit: Optional[int] = None) -> str:
    """Name many tensors shortly: one entry for all blocks, with its count.

    Args:
        names: names of tensors.
        limit: entries to write out; an ellipsis stands for the others.
    """
    counts: dict[str, int] = {}
    for name in names:
        short = re.sub(r'(?<=[._])\d+(?=[./])', '*', name, count=1)
        counts[short] = counts.get(short, 0) + 1
    entries = [name if n == 1 else f'{n}x {name}' for name, n in counts.items()]
    more = ['…'] if len(entries[:limit]) < len(entries) else []
    return ', '.join([*entries[:limit], *more])
