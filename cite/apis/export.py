"""A checkpoint that holds all weights, out of one that holds what was trained."""

import json
import os
from pathlib import Path
from typing import Any, Optional, Union

import torch
from mmcls.models import build_classifier
from mmcv import Config
from mmcv.runner import load_checkpoint
from mmcv.utils import import_modules_from_strings
from safetensors.torch import save_file
from torch import Tensor, nn

from .config_file import find_config

SUFFIXES = ('.pth', '.safetensors')
# What the release and mmcls do not know.
_OURS = ('prompt_initialized', 'text_embeddings', 'text_source')


def export_checkpoint(
    config: Union[str, Path],
    checkpoint: Union[str, Path],
    out: Union[str, Path],
    plain: bool = False,
    options: Optional[dict[str, Any]] = None,
) -> Path:
    """Write all weights of a trained model, the frozen ones included.

    Args:
        config: of the training run.
        checkpoint: what it wrote; ``none`` for a model without trained weights.
        out: file to write, ``.pth`` (with mmcv's ``meta``) or ``.safetensors``.
        plain: leave out what the released code and mmcls do not know: the text
            embeddings and the prompt's state.
        options: overrides of the config, as ``--cfg-options``.

    Returns:
        ``out``.

    Raises:
        FileNotFoundError: no such config or checkpoint.
        ValueError: another kind of file, or a checkpoint of other frozen weights.
    """
    out = Path(out)
    if out.suffix not in SUFFIXES:
        raise ValueError(f'{out}: name a file that ends in one of {SUFFIXES}.')
    find_config(config)
    if str(checkpoint) != 'none' and not Path(checkpoint).is_file():
        raise FileNotFoundError(
            f'{checkpoint}: no such checkpoint. Runs leave theirs in work_dirs/.'
        )
    if Path(checkpoint).resolve() == out.resolve():
        raise ValueError(f'{out} is the checkpoint itself. Name another file.')
    cfg = Config.fromfile(str(config))
    cfg.merge_from_dict(options or {})
    if cfg.get('custom_imports'):
        import_modules_from_strings(**cfg.custom_imports)
    cfg.model.save_frozen = True
    model = build_classifier(cfg.model)
    loaded = load_checkpoint(model, str(checkpoint), map_location='cpu', strict=True)
    meta = loaded.get('meta', {}) if isinstance(loaded, dict) else {}
    _write(out, full_state(model, plain), meta)
    return out


def full_state(model: nn.Module, plain: bool = False) -> dict[str, Tensor]:
    """Return all weights of a model, contiguous and on the CPU."""
    state = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in model.state_dict().items()
    }
    if plain:
        return {k: v for k, v in state.items() if k.split('.')[-1] not in _OURS}
    return state


def _write(out: Path, state: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """Write a file whole or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + '.partial')
    if out.suffix == '.safetensors':
        facts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in meta.items()}
        save_file(state, str(partial), metadata=facts)
    else:
        torch.save({'meta': meta, 'state_dict': state}, partial)
    os.replace(partial, out)
