"""Read a language model from a folder or the hub, without running anything in it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from cite.core.weights import load_weights

from .model_files import find_folder, missing_file, weight_files

_SMALL_FILES = ['*.json', '*.txt', '*.model']


def load_language_model(
    name: str, pooler: bool, trust_remote_code: bool = False
) -> tuple[Any, Any]:
    """Load a tokenizer and a model, in fp32 and eval mode, on the CPU.

    Args:
        name: a local folder or a hub name.
        pooler: whether the pooler's weights are needed.
        trust_remote_code: let transformers run Python files that come with the model.

    Returns:
        transformers' tokenizer and model.

    Raises:
        FileNotFoundError: no such folder or hub model, or a file of it is missing.
        ValueError: the weights are damaged or of another architecture.
    """
    folder = _fetch(name)
    # Workers of data loaders are forked later, which tokenizers would remark on.
    os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise ImportError(
            f'transformers does not work with torch {torch.__version__} ({error}). '
            'Below torch 2.1 install `pip install "transformers>=4.40,<4.50"`.'
        ) from error
    _refuse_kernels(folder)
    with _quiet_transformers():
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                str(folder), trust_remote_code=trust_remote_code
            )
            model, info = _load_model(folder, trust_remote_code)
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            if 'trust_remote_code' in str(error):
                raise ValueError(
                    f'text encoder {name}: {folder} needs Python code of its author, '
                    'which is not run. If you trust the author, set '
                    'model.head.text_encoder.trust_remote_code=True.'
                ) from error
            raise ValueError(
                f'text encoder {name}: transformers cannot read {folder}: '
                f'{_first_line(error)}'
            ) from error
    _check_missing(name, info['missing_keys'], pooler)
    return tokenizer, model.float().eval()


def _load_model(folder: Path, trust_remote_code: bool) -> tuple[Any, dict[str, Any]]:
    """Let our reader read the weights: it takes tensors alone, of any file.

    Left to itself, transformers also follows an ``adapter_config.json`` to other files.
    """
    from transformers import MODEL_MAPPING, AutoConfig, AutoModel

    files = weight_files(folder)
    state = {key: value for file in files for key, value in load_weights(file).items()}
    config = AutoConfig.from_pretrained(
        str(folder), trust_remote_code=trust_remote_code
    )
    if trust_remote_code and type(config) not in MODEL_MAPPING:
        model = AutoModel.from_config(config, trust_remote_code=True)
        missing, _ = model.load_state_dict(state, strict=False)
        return model, {'missing_keys': missing}
    model_class: Any = MODEL_MAPPING[type(config)]
    return model_class.from_pretrained(
        None, config=config, state_dict=state, output_loading_info=True
    )


def _refuse_kernels(folder: Path) -> None:
    """Refuse a config that has transformers fetch code for attention from the hub.

    Raises:
        ValueError: it does, or is not JSON.
    """
    file = folder / 'config.json'
    try:
        content = json.loads(file.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{file} is not JSON: {_first_line(error)}') from error
    if not isinstance(content, dict):
        raise ValueError(f'{file} is not a JSON object.')
    for key in ('attn_implementation', '_attn_implementation'):
        if '/' in str(content.get(key)):
            raise ValueError(f'{file}: {key} names code on the hub. Take it out.')


def _check_missing(name: str, missing: Any, pooler: bool) -> None:
    lost = [key for key in missing if 'position_ids' not in key]
    if not pooler:
        lost = [key for key in lost if 'pooler.' not in key]
    if lost and all('pooler.' in key for key in lost):
        raise ValueError(
            f'text encoder {name} comes without pooler weights. Set '
            "model.head.text_encoder.key='last_hidden_state' ([CLS] token)."
        )
    if lost:
        raise ValueError(
            f'text encoder {name}: the weights lack {len(lost)} tensors that '
            f'config.json calls for ({", ".join(sorted(lost)[:3])}, …): they belong to '
            'another model.'
        )


def _fetch(name: str) -> Path:
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
            f'Get it where there is a network: {how_to_get(name)}; or set '
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


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Silence its remarks on unused and missing weights: we look at these ourselves."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split('\n')[0]
