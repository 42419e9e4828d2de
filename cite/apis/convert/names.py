"""Small operations on the names of a state dict."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import torch

from .layout import State

# A tensor of every timm-like ViT: MoCo, MAE and DINO use timm's names.
TIMM_BLOCK = 'blocks.0.norm1.weight'
# Layers on top of a timm-like ViT, by the names that published files give them.
HEADS = ('head.', 'fc.', 'pre_logits.')


def tensors_of(
    content: Mapping[str, Any], *wrappers: str, prefixes: Sequence[str] = ()
) -> State:
    """Return the tensors below the first of these keys, or of the dict itself.

    The prefixes are removed from their names, one after another.
    """
    for key in wrappers:
        if isinstance(content.get(key), Mapping):
            content = content[key]
            break
    state = {k: v for k, v in content.items() if isinstance(v, torch.Tensor)}
    return rename(state, [('^' + re.escape(prefix), '') for prefix in prefixes])


def rename(state: State, rules: Sequence[tuple[str, str]]) -> State:
    """Apply regular expressions to all names; two tensors may not get the same one."""
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
    """Split a state dict into what stays and the names that start with a prefix."""
    kept = {k: v for k, v in state.items() if not k.startswith(prefixes)}
    return kept, [k for k in state if k not in kept]


def select(state: State, prefix: str) -> tuple[State, list[str]]:
    """Return the tensors below a prefix, without it, and the names of all others."""
    below = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
    return below, [k for k in state if not k.startswith(prefix)]


def fuse_qkv(state: State, parts: tuple[str, str, str], fused: str) -> State:
    """Stack query, key and value by rows; incomplete triples stay as they are.

    Args:
        state: tensors by name, for example ``blocks.0.attn.query.weight``.
        parts: the three names, for example ``('query', 'key', 'value')``.
        fused: replacement of ``.query.``, for example ``.qkv.``.
    """
    out = dict(state)
    for name in state:
        stem, is_query, kind = name.rpartition(f'.{parts[0]}.')
        triple = [f'{stem}.{part}.{kind}' for part in parts]
        if is_query and all(part_name in state for part_name in triple):
            out[f'{stem}{fused}{kind}'] = torch.cat(
                [out.pop(part_name) for part_name in triple]
            )
    return out


def collapse(names: Sequence[str], limit: Optional[int] = None) -> str:
    """Shorten a list of tensor names: one entry for all blocks, with its count.

    Args:
        names: names of tensors.
        limit: number of entries to write out; an ellipsis replaces the others.
    """
    counts: dict[str, int] = {}
    for name in names:
        short = re.sub(r'(?<=[._])\d+(?=[./])', '*', name, count=1)
        counts[short] = counts.get(short, 0) + 1
    entries = [name if n == 1 else f'{n}x {name}' for name, n in counts.items()]
    more = ['…'] if len(entries[:limit]) < len(entries) else []
    return ', '.join([*entries[:limit], *more])
