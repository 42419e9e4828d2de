"""A transformers model on this machine or the hub: its files and its ``config.json``.

Nothing here imports transformers: with the embeddings cached it is not needed.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

from torch import Tensor

from cite.core.files import open_clip_files
from cite.core.files.elsewhere import looked_at, root_of
from cite.core.files.json_file import read_json
from cite.core.files.weights import load_weights
from cite.core.messages import first_line

TEXT_KEY = 'model.head.text_encoder.model'
_WEIGHTS = ('model.safetensors', 'pytorch_model.bin')
# Names of the file with a model's weights in a folder of the hub, in order.
HUB_FILES = (*_WEIGHTS, *open_clip_files.WEIGHTS[:2])
_SMALL_FILES = ['*.json', '*.txt', '*.model']
TOKENIZERS = ('tokenizer.json', 'vocab.txt', 'vocab.json', '*.model')
# What architectures call the width of their last layer: CLIP, BERT and LLaMA, T5, GPT.
_WIDTHS = ('projection_dim', 'hidden_size', 'd_model', 'n_embd')
# Ways to compute attention that are part of transformers; others are code of the hub.
_FLASH = ('flash_attention_2', 'flash_attention_3')
_ATTENTION = ('eager', 'sdpa', 'flex_attention', *_FLASH)


def find_folder(model: str) -> Optional[Path]:
    """Find a model's folder, or the newest local snapshot of a hub name; else None."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    try:
        from huggingface_hub import try_to_load_from_cache

        config = try_to_load_from_cache(model, 'config.json')
    except (ImportError, ValueError):  # not a name the hub could have
        return None
    return Path(config).parent if isinstance(config, str) else None


def missing_file(folder: Path, companions: Sequence[str] = TOKENIZERS) -> Optional[str]:
    """Name the first file that a model folder lacks, or None if it is whole.

    Args:
        folder: the model's folder.
        companions: patterns, of which one file besides config and weights must match.
    """
    if not (folder / 'config.json').is_file():
        return 'config.json'
    files = weight_files(folder)
    if not files:
        return 'model.safetensors (nor pytorch_model.bin)'
    absent = [file.name for file in files if not file.is_file()]
    if absent:
        return absent[0]
    if not any(any(folder.glob(pattern)) for pattern in companions):
        return ' or '.join(companions)
    return None


def weight_files(folder: Path) -> list[Path]:
    """List the files with a model's weights, safetensors rather than pickles."""
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f'{name}.index.json'
        parts = _indexed(index) if index.is_file() else []
        parts = parts or sorted(folder.glob(name.replace('.', '-*-of-*.')))
        if parts:
            return parts
    return []


def _indexed(index: Path) -> list[Path]:
    """List the files that an index of weights names, as transformers reads them."""
    content = read_json(index)
    places = content.get('weight_map') if isinstance(content, dict) else None
    names = list(places.values()) if isinstance(places, dict) else []
    if not names or not all(isinstance(n, str) and Path(n).name == n for n in names):
        raise ValueError(f'{index}: its weight_map does not name files of this folder.')
    return [index.with_name(name) for name in sorted({*names})]


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read a model's weights from all their files; no code in them runs."""
    parts = [load_weights(file) for file in weight_files(folder)]
    return {name: tensor for part in parts for name, tensor in part.items()}


def fetch(
    name: str, key: str = TEXT_KEY, companions: Sequence[str] = TOKENIZERS
) -> Path:
    """Return the folder of a model; downloads it unless it is here and whole.

    Args:
        name: a local folder or a hub name.
        key: config key that names the model, for messages.
        companions: see :func:`missing_file`; a local folder is taken as it is.

    Raises:
        FileNotFoundError: the folder is missing, and the hub does not give it.
    """
    folder = find_folder(name)
    is_local = Path(name).expanduser().is_dir()
    if folder is not None and (is_local or not missing_file(folder, companions)):
        return folder
    return _download(name, key)


def _download(name: str, key: str) -> Path:
    # What exists from another folder is not a name of the hub.
    if name.startswith(('.', '~', os.sep)) or name.count('/') > 1 or root_of(name):
        raise FileNotFoundError(
            f'{name}: no such folder.{looked_at(name)} Set {key} to the folder of a '
            'transformers model, or to a hub name (owner/model).'
        )
    from huggingface_hub import snapshot_download

    try:
        for patterns in ([*_SMALL_FILES, 'model*.safetensors'], ['pytorch_model*.bin']):
            folder = Path(snapshot_download(name, allow_patterns=patterns))
            if weight_files(folder):
                break
    # No network, no such name, no access: the hub has an exception of its own for each.
    except Exception as error:
        cached = '; or set text_feature_file to saved embeddings, which need no model'
        raise FileNotFoundError(
            f'{name}: not a folder here, and the Hugging Face hub does not give it '
            f'({type(error).__name__}: {first_line(error)}). '
            f'Get it where there is a network: {how_to_get(name, key)}; where it is '
            f'gated, ask for access on https://huggingface.co/{name} and log in with '
            '`hf auth login` (`huggingface-cli login`) first'
            f'{cached if key == TEXT_KEY else ""}.'
        ) from error
    return folder


def how_to_get(name: str, key: str = TEXT_KEY) -> str:
    """Return the command that fetches a model of the hub, and where to name it."""
    folder = name.split('/')[-1]
    return (
        f'`hf download {name} --local-dir {folder}` (`huggingface-cli download` before '
        f'huggingface_hub 0.34), then set {key} to the folder {folder}'
    )


def read_config_file(folder: Path) -> dict[str, Any]:
    """Read ``config.json``, unless it has transformers fetch code from the hub.

    Some of transformers' classes take ``trust_remote_code`` and the kernel of their
    attention from this file, regardless of the caller, or the name of a second model,
    whose weights they read in their own way.

    Raises:
        FileNotFoundError: there is no ``config.json``.
        ValueError: it asks for code or for other files, or is not a JSON object.
    """
    file = folder / 'config.json'
    if not file.is_file():
        raise FileNotFoundError(
            f'{folder} has no config.json, so it is not a transformers model.'
        )
    content = read_json(file)
    if not isinstance(content, dict):
        raise ValueError(f'{file} is not a JSON object.')
    for key, value in _items(content):
        danger = _danger(key, value)
        if danger:
            raise ValueError(f'{file}: {key}={str(value)[:60]!r} {danger}')
    return content


def _danger(key: str, value: Any) -> Optional[str]:
    """Say what an entry of a config would have transformers do, and the remedy."""
    if key == 'configuration_files' and value:
        return 'has transformers read another file instead of this one. Delete it.'
    names_model = key == 'backbone' and isinstance(value, str)
    if value and (names_model or key == 'use_pretrained_backbone'):
        return (
            'has transformers read the weights of another model. Delete it; put the '
            'weights of the whole model into this folder.'
        )
    if key == 'trust_remote_code' and value:
        return (
            'lets the model run code. Delete it; only your own config can decide to '
            'trust a model.'
        )
    is_attention = 'attn_implementation' in key and isinstance(value, str)
    if is_attention and value not in _ATTENTION:
        return 'names code on the hub. Delete it.'
    return None


def _items(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield keys and values at every depth; an item of a list has the list's key."""
    pending: list[tuple[str, Any]] = [('', content)]
    while pending:
        key, value = pending.pop()
        if isinstance(value, dict):
            # Below `attn_implementation` the keys are names of the model's parts.
            deep = key if 'attn_implementation' in key else ''
            pending.extend((deep or str(name), part) for name, part in value.items())
        elif isinstance(value, list):
            pending.extend((key, part) for part in value)
        else:
            yield key, value


def config_width(model: str) -> Optional[int]:
    """Return the width of a model's text vectors as its ``config.json`` states it."""
    folder = find_folder(model)
    if folder is None:
        return None
    try:
        content = read_json(folder / 'config.json')
        widths = [content.get(key) for key in _WIDTHS]
    except (OSError, ValueError, AttributeError):
        return None
    return next((width for width in widths if isinstance(width, int) and width), None)
