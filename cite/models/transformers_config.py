"""A transformers model's ``config.json``, looked at before transformers acts on it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Ways to compute attention that are part of transformers; others are code of the hub.
_FLASH = ('flash_attention_2', 'flash_attention_3')
_ATTENTION = ('eager', 'sdpa', 'flex_attention', *_FLASH)


def read_config_file(folder: Path) -> dict[str, Any]:
    """Read ``config.json``, unless it has transformers fetch code from the hub.

    Some of transformers' classes take ``trust_remote_code`` and the kernel of their
    attention from this file, whatever the caller says, or the name of a second model,
    whose weights they read as they like.

    Args:
        folder: of the model.

    Raises:
        FileNotFoundError: there is no ``config.json``.
        ValueError: it asks for code or for other files, or is not a JSON object.
    """
    file = folder / 'config.json'
    if not file.is_file():
        raise FileNotFoundError(f'{folder} has no config.json: no transformers model.')
    try:
        content = json.loads(file.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        reason = str(error).strip().split('\n')[0]
        raise ValueError(f'{file} is not JSON: {reason}') from error
    if not isinstance(content, dict):
        raise ValueError(f'{file} is not a JSON object.')
    for key, value in _items(content):
        if key == 'configuration_files' and value:
            raise ValueError(
                f'{file}: configuration_files has transformers read {value!r} in the '
                'place of this file. Take it out.'
            )
        elsewhere = key == 'backbone' and isinstance(value, str) and value
        if elsewhere or (key == 'use_pretrained_backbone' and value):
            raise ValueError(
                f'{file}: {key}={value!r} has transformers read the weights of another '
                'model, from wherever this file says. Take it out; give the weights of '
                'the whole model in this folder.'
            )
        if key == 'trust_remote_code' and value:
            raise ValueError(
                f'{file}: trust_remote_code lets the model run code. Take it out; '
                'whether to trust a model is for your own config to say.'
            )
        is_attention = 'attn_implementation' in key and isinstance(value, str)
        if is_attention and value not in _ATTENTION:
            raise ValueError(
                f'{file}: {key}={value!r} names code on the hub. Take it out.'
            )
    return content


def _items(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield keys and values at every depth; what lies in a list or dict has its key."""
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
