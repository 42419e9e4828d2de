"""Export a trained model with all weights, the frozen ones included."""

import json
from pathlib import Path
from typing import Any, Optional, Union

from mmcls.models import build_classifier
from mmcv.runner import load_checkpoint
from torch import Tensor, nn

from cite.core.files.lock import only_one
from cite.core.files.save_torch import save_safetensors, save_torch
from cite.core.files.write_whole import write_whole

from .config_file import find_config, read_config

SUFFIXES = ('.pth', '.safetensors')
# Keys that the release and mmcls do not know.
_NEW_KEYS = ('prompt_initialized', 'text_embeddings', 'text_source')


def export_checkpoint(
    config: Union[str, Path],
    checkpoint: Union[str, Path],
    out: Union[str, Path],
    plain: bool = False,
    options: Optional[dict[str, Any]] = None,
) -> Path:
    """Write all weights of a trained model, the frozen ones included.

    Args:
        config: config of the training run.
        checkpoint: checkpoint of the run; ``none`` for a model without trained weights.
        out: file to write, ``.pth`` (with mmcv's ``meta``) or ``.safetensors``.
        plain: omit the keys that the released code and mmcls do not know: the text
            embeddings and the prompt's state.
        options: overrides of the config, as ``--cfg-options``.

    Returns:
        ``out``.

    Raises:
        FileNotFoundError: no such config or checkpoint.
        ValueError: ``out`` has another suffix, or the checkpoint belongs to other
            frozen weights.
    """
    out = Path(out)
    if out.suffix not in SUFFIXES:
        raise ValueError(f'{out}: name a file that ends in one of {SUFFIXES}.')
    find_config(config)
    if str(checkpoint) != 'none' and not Path(checkpoint).is_file():
        raise FileNotFoundError(
            f'{checkpoint}: no such checkpoint. Runs write checkpoints to work_dirs/.'
        )
    if Path(checkpoint).resolve() == out.resolve():
        raise ValueError(f'{out} is the checkpoint itself. Name another file.')
    cfg = read_config(config, options)
    cfg.model.save_frozen = True
    model = build_classifier(cfg.model)
    loaded = load_checkpoint(model, str(checkpoint), map_location='cpu', strict=True)
    meta = loaded.get('meta', {}) if isinstance(loaded, dict) else {}
    with only_one(out, 'writing', 'Wait for it.'), write_whole(out) as partial:
        _write(partial, _full_state(model, plain), meta, out.suffix)
    return out


def _full_state(model: nn.Module, plain: bool) -> dict[str, Tensor]:
    """Return all weights of a model, contiguous and on the CPU."""
    return {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in model.state_dict().items()
        if not (plain and name.split('.')[-1] in _NEW_KEYS)
    }


def _write(
    path: Path, state: dict[str, Tensor], meta: dict[str, Any], suffix: str
) -> None:
    if suffix == '.safetensors':
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in meta.items()}
        save_safetensors(state, path, texts)
    else:
        save_torch({'meta': meta, 'state_dict': state}, path)
