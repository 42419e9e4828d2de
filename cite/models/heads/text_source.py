"""Where a checkpoint's text embeddings came from, kept beside them as JSON bytes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

KEY = 'head.text_source'


def check_texts(texts: Any) -> list[str]:
    """Return the class descriptions as a list, or say what is wrong with them.

    Raises:
        ValueError: no list of texts, an empty one, two alike, or something that is no
            text.
    """
    if isinstance(texts, str) or not isinstance(texts, Sequence) or not len(texts):
        raise ValueError(
            f'model.head.texts is {texts!r}; give a list with one text per class.'
        )
    for i, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f'model.head.texts[{i}] is {text!r}; give a text.')
        if text in texts[:i]:
            raise ValueError(
                f'model.head.texts[{i}] repeats {text!r}: these two classes could not '
                'be told apart.'
            )
    return list(texts)


def pack(source: Mapping[str, Any]) -> Tensor:
    """Turn plain data into a uint8 tensor of JSON bytes."""
    data = json.dumps(source, ensure_ascii=False, sort_keys=True).encode()
    return torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy())


def unpack(packed: Tensor) -> dict[str, Any]:
    """Turn the bytes of :func:`pack` back into plain data.

    Raises:
        ValueError: they are not such bytes.
    """
    try:
        source = json.loads(packed.cpu().numpy().astype(np.uint8).tobytes().decode())
    except ValueError as error:
        raise ValueError(f"the checkpoint's {KEY} is damaged: {error}") from error
    if not isinstance(source, dict) or 'encoder' not in source:
        raise ValueError(f"the checkpoint's {KEY} names no text encoder.")
    return source


def text_differences(saved: Sequence[str], own: Sequence[str]) -> list[str]:
    """Say in which texts a config is not the one of a checkpoint."""
    if len(saved) != len(own):
        return [f'{len(saved)} texts in the checkpoint, {len(own)} in the config']
    return [
        f'text {i}: {old!r} in the checkpoint, {new!r} in the config'
        for i, (old, new) in enumerate(zip(saved, own))
        if old != new
    ]
