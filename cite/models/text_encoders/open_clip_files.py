"""The files of an open_clip model's folder."""

import json
from pathlib import Path
from typing import Any, Optional

from torch import Tensor

from cite.core.weights import load_weights

# In open_clip's own order; the last is CONCH's.
WEIGHTS = (
    'open_clip_model.safetensors',
    'open_clip_pytorch_model.bin',
    'pytorch_model.bin',
)
CONFIG = 'open_clip_config.json'
_KEY = 'model.head.text_encoder.model'
# What open_clip calls these towers' part of a model, and the common scale.
_PREFIX, _SCALE = 'text.', 'logit_scale'


def tower_file(folder: Path) -> Optional[Path]:
    """Return the file with the weights, None where there is none."""
    return next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)


def read_tower(folder: Path) -> tuple[dict[str, Tensor], Optional[Tensor]]:
    """Read a text tower's tensors, by their names within it, and the logit scale.

    Raises:
        FileNotFoundError: no such folder, or no weights in it.
        ValueError: the file is damaged or holds no such tower.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f'text encoder {folder}: no such folder. Get the model where there is a '
            'network: `hf download OWNER/MODEL --local-dir FOLDER` (docs/MODEL_ZOO.md '
            'has the names; ask for access on the page of a gated one and log in with '
            f'`hf auth login` first), then set {_KEY} to FOLDER.'
        )
    file = tower_file(folder)
    if file is None:
        raise FileNotFoundError(
            f'text encoder {folder}: none of {", ".join(WEIGHTS)} is in it. Copy the '
            'published weights there.'
        )
    content = load_weights(file)
    content = content.get('state_dict', content) if isinstance(content, dict) else {}
    names = [name for name in content if name.startswith(_PREFIX)]
    if not names:
        raise ValueError(
            f'{file} has no text tower named {_PREFIX}…: it is of another '
            'architecture. Of a CLIP of its own layout, `python tools/convert_model.py '
            f"{file} OUT.pt --from clip` and type='CLIPTextEncoder', arch='OUT.pt'."
        )
    scale = content.get(_SCALE)
    state = {name[len(_PREFIX) :]: content[name].float() for name in names}
    return state, None if scale is None else scale.detach().float().clone()


def read_tokenizer(folder: Path) -> Any:
    """Read ``tokenizer.json``, without the padding that it may ask for.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged.
    """
    from tokenizers import Tokenizer

    file = folder / 'tokenizer.json'
    if folder.is_dir() and not file.is_file():
        raise FileNotFoundError(
            f'text encoder {folder}: no tokenizer.json in it. Copy the published one '
            "there (CONCH's is conch_byte_level_bpe_uncased.json of its code)."
        )
    if not folder.is_dir():
        read_tower(folder)  # says what is wrong
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f'{file} is no tokenizer: {error}') from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def text_config(folder: Path) -> dict[str, Any]:
    """Read the text tower's part of ``open_clip_config.json``; {} without the file.

    Raises:
        ValueError: the file is not such JSON.
    """
    file = folder / CONFIG
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding='utf-8'))
        return dict(content.get('model_cfg', content).get('text_cfg', {}))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f'{file} is no config of open_clip: {error}') from error
