"""Arguments of a timm model that its weights need, which the shapes do not show."""

import json
import math
import re
import warnings
from typing import Any, Callable, Optional

from cite.core.files.weights import OPTIONS, ORIGIN, load_weights, read_notes

from .weights_files import WRAPPERS

# What each origin's code does, by the name of the converter's layout: how positions
# are interpolated (cite/models/architectures/positions.py) and the kind of GELU.
ORIGINS: dict[str, dict[str, Any]] = {
    'DINO': {'positions': 'dino'},
    'HIPT ViT-256': {'positions': 'dino'},
    'HIPT ViT-4K': {'positions': 'dino'},
    'DINOv2': {'positions': 'dino'},
    'transformers DINOv2': {'positions': 'dino'},
    'MAE': {'positions': 'plain'},
    'transformers ViT': {'positions': 'plain'},
    # jax.nn.gelu approximates by tanh unless it is told otherwise.
    'augreg': {'positions': 'google', 'act_layer': 'gelu_tanh'},
}
# The same by timm's tags and our names, for weights without a note.
_NAMES = {
    'hipt_256': 'dino',
    'hipt_4k': 'dino',
    'retfound': 'plain',
    '.dino': 'dino',
    '.mae': 'plain',
    'dinov2.lvd142m': 'dino',
}
# Side of HIPT's patches, in pixels, by the name of the model.
_HIPT = {'hipt_256': 16, 'hipt_4k': 256}
# The hub's names of timm's own models: hf-hub:timm/vit_small_patch14_dinov2.lvd142m.
_HUB = re.compile(r'^(hf-hub|hf_hub|local-dir):(.*/)?')
# Positions of 16 x 16 patches and the class token.
_RESIZED = 257


def options_of_origin(origin: str, registers: bool) -> dict[str, Any]:
    """Return what weights of an origin need; DINOv2's registers came with antialias."""
    options = ORIGINS.get(origin, {})
    if registers and 'DINOv2' in origin:
        return {**options, 'positions': 'timm'}
    return options


def options_of_weights(model_name: str, checkpoint: Optional[str]) -> dict[str, Any]:
    """Return the arguments that a model's name and its weights file tell.

    The file's own note is best, then the origin that files of earlier converters name,
    then the model's name.

    Args:
        model_name: name of timm's or ours.
        checkpoint: weights file, if there is one.

    Raises:
        ValueError: the file's note is damaged.
    """
    model_name = _HUB.sub('', model_name)
    registers = '_reg' in model_name
    # Other architectures have these tags, too, and no plain grid of positions.
    is_vit = not model_name.partition('.')[1] or model_name.startswith('vit_')
    rules = [r for end, r in _NAMES.items() if is_vit and model_name.endswith(end)]
    by_name = {'positions': rules[0]} if rules else {}
    if registers and rules:
        by_name = {'positions': 'timm'}
    notes = read_notes(checkpoint)
    if OPTIONS in notes:
        return {**by_name, **_read(notes[OPTIONS], checkpoint)}
    by_origin = options_of_origin(notes.get(ORIGIN, ''), registers)
    return {**by_name, **by_origin, **_earlier_hipt(model_name, checkpoint)}


def _read(note: str, checkpoint: Optional[str]) -> dict[str, Any]:
    """Read a note; a file's word can name a rule, an activation and an epsilon only."""
    try:
        options = dict(json.loads(note))
        known: dict[str, Callable[[Any], Any]] = {
            'positions': str,
            'act_layer': {n: n for n in ('gelu_tanh', 'quick_gelu')}.__getitem__,
            'norm_eps': _epsilon,
        }
        return {key: known[key](value) for key, value in options.items()}
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(
            f'{checkpoint}: its note {OPTIONS}={note[:80]} is not one that this '
            'version of `cite convert` writes. Convert the published file again.'
        ) from error


def _epsilon(value: Any) -> float:
    number = float(value)
    if not 0 < number < 1:  # NaN, too
        raise ValueError(f'{number} is not an epsilon')
    return number


def _earlier_hipt(model_name: str, checkpoint: Optional[str]) -> dict[str, Any]:
    """Fit HIPT to files whose positions an earlier converter resized to 16 x 16."""
    patch = _HIPT.get(model_name)
    if patch is None or not checkpoint:
        return {}
    tokens = _count_positions(checkpoint)
    side = math.isqrt(max(tokens - 1, 0))
    if tokens != _RESIZED:
        return {}
    warnings.warn(
        f'{checkpoint} was converted by an earlier version, which resized its '
        'positions to 16 x 16 patches. It loads, with the same features as before at '
        '256 pixels (regions: at 4096); at other sizes features are a few percent from '
        "those of HIPT's code. Convert the published file again "
        '(`cite convert --from hipt`).',
        stacklevel=3,
    )
    inner = {'vit': {'img_size': 256}} if model_name == 'hipt_4k' else {}
    return {'img_size': side * patch, **inner}


def _count_positions(checkpoint: str) -> int:
    """Return the length of a file's position embedding; 0 if there is none to read."""
    try:
        state = load_weights(checkpoint)
    except (OSError, ValueError):  # filling the model says what is wrong
        return 0
    for key in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    positions: Any = state.get('pos_embed') if isinstance(state, dict) else None
    return int(positions.shape[1]) if getattr(positions, 'ndim', 0) == 3 else 0
