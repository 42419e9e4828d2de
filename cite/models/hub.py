"""The files of a transformers model: where they lie, whether they are all there, and
what tells one model from another.

Nothing here imports transformers: with the embeddings cached it is not needed.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

# Enough to tell two models apart without reading gigabytes.
_BLOCKS, _BLOCK_BYTES = 16, 1 << 16
# What architectures call the width of their last layer: CLIP, BERT and LLaMA, T5, GPT.
_WIDTHS = ('projection_dim', 'hidden_size', 'd_model', 'n_embd')
_SMALL_FILES = ['*.json', '*.txt', '*.model']
_TOKENIZERS = ('tokenizer.json', 'vocab.txt', 'vocab.json', '*.model')


def find_folder(model: str) -> Optional[Path]:
    """Find a model's folder on this machine, without a network.

    Args:
        model: a local folder or a hub name.

    Returns:
        the folder, for a hub name that of its newest local snapshot; None where there
        is neither.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    try:
        from huggingface_hub import try_to_load_from_cache

        config = try_to_load_from_cache(model, 'config.json')
    except (ImportError, ValueError):  # not a name the hub could have
        return None
    return Path(config).parent if isinstance(config, str) else None


def missing_file(folder: Path) -> Optional[str]:
    """Name the first file that a model folder lacks, or None if it is whole."""
    if not (folder / 'config.json').is_file():
        return 'config.json'
    if not weight_files(folder):
        return 'model.safetensors (nor pytorch_model.bin)'
    if not any(any(folder.glob(pattern)) for pattern in _TOKENIZERS):
        return 'tokenizer.json (nor vocab.txt)'
    return None


def weight_files(folder: Path) -> list[Path]:
    """List the files with a model's weights, safetensors rather than pickles."""
    for pattern in (
        'model.safetensors',
        'model-*-of-*.safetensors',
        'pytorch_model.bin',
        'pytorch_model-*-of-*.bin',
    ):
        files = sorted(folder.glob(pattern))
        if files:
            return files
    return []


def fetch(name: str) -> Path:
    """Return the folder of a language model, whole; fetches it from the hub if need be.

    Args:
        name: a local folder or a hub name.

    Raises:
        FileNotFoundError: there is none, or a file of it is missing.
    """
    folder = find_folder(name)
    is_local = Path(name).expanduser().is_dir()
    if folder is None or (not is_local and missing_file(folder)):
        folder = _download(name)
    missing = missing_file(folder)
    if missing:
        remedy = 'Copy it there too.' if is_local else f'Get it: {how_to_get(name)}.'
        raise FileNotFoundError(
            f'text encoder {name}: {folder} has no {missing}. {remedy}'
        )
    return folder


def _download(name: str) -> Path:
    if name.startswith(('.', '~', os.sep)) or name.count('/') > 1:
        raise FileNotFoundError(
            f'text encoder {name}: no such folder. Set '
            'model.head.text_encoder.model to the folder of a transformers model, or '
            'to a hub name (owner/model).'
        )
    from huggingface_hub import snapshot_download

    try:
        weights = ['model*.safetensors']
        folder = Path(snapshot_download(name, allow_patterns=_SMALL_FILES + weights))
        if not weight_files(folder):
            weights = ['pytorch_model*.bin']
            folder = Path(snapshot_download(name, allow_patterns=weights))
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f'text encoder {name}: neither a folder here nor to be had from the '
            f'Hugging Face hub ({type(error).__name__}: {_first_line(error)}). '
            f'Get it where there is a network: {how_to_get(name)}; where it is gated, '
            f'ask for access on https://huggingface.co/{name} and log in with `hf auth '
            'login` (`huggingface-cli login`) first; or set '
            'model.head.text_encoder.text_feature_file to saved embeddings, which need '
            'no model.'
        ) from error
    return folder


def how_to_get(name: str) -> str:
    """Return the command that fetches a model of the hub, and where to name it."""
    short = name.split('/')[-1]
    return (
        f'`hf download {name} --local-dir {short}` (`huggingface-cli download` before '
        f'huggingface_hub 0.34), then set model.head.text_encoder.model to the folder '
        f'{short}'
    )


def config_width(folder: Path) -> Optional[int]:
    """Return the width of a model's text vectors as its ``config.json`` tells it."""
    try:
        content = json.loads((folder / 'config.json').read_text(encoding='utf-8'))
        found = [content.get(key) for key in _WIDTHS]
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return next((width for width in found if isinstance(width, int) and width), None)


def cache_identity(model: str) -> dict[str, Any]:
    """Describe a model so that any change to its files shows.

    A local folder is its path and its files' names, sizes and times; a hub name is
    itself and the commit of its local snapshot, if there is one.
    """
    folder = find_folder(model)
    if folder is None:
        return {'model': model}
    if not Path(model).expanduser().is_dir():
        return {'model': model, 'commit': folder.name}
    return {'folder': str(folder.resolve()), 'files': stamps(sorted(folder.iterdir()))}


def stamps(files: Sequence[Path]) -> list[list[Any]]:
    """Return name, size and time of each file."""
    found = [(file.name, file.stat()) for file in files if file.is_file()]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in found]


def short_name(model: str) -> str:
    """Return the last part of a hub name or path: the same after a folder has moved."""
    path = Path(model).expanduser()
    if path.is_dir():
        path = path.absolute()
        if path.parent.name == 'snapshots':  # …/models--owner--name/snapshots/commit
            return path.parent.parent.name.split('--')[-1]
    return path.name


def weights_digest(files: Sequence[Path]) -> dict[str, str]:
    """Digest weight files by their sizes and evenly spaced blocks.

    Returns:
        ``{suffix: digest}``, empty without files. Digests of one suffix compare; a
        model's pickle and its safetensors do not.
    """
    if not files:
        return {}
    sha = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        sha.update(str(size).encode())
        with path.open('rb') as file:
            for i in range(_BLOCKS):
                file.seek(max(size - _BLOCK_BYTES, 0) * i // (_BLOCKS - 1))
                sha.update(file.read(_BLOCK_BYTES))
    return {files[0].suffix[1:]: sha.hexdigest()}


def _first_line(error: BaseException) -> str:
    return str(error).strip().split('\n')[0]
