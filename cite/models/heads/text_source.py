"""Where a checkpoint's text embeddings came from, kept beside them as JSON bytes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cite.core.command_line import refuse_changed
from cite.core.files.json_file import parse_json

from .caption_file import read_caption_file

KEY = 'head.text_source'
# One description, or several, of each class.
Texts = list[Union[str, list[str]]]


def check_texts(texts: Any) -> Texts:
    """Return the class descriptions as a list, or explain what is wrong with them.

    Args:
        texts: one entry per class, a description or a list of several; or the path of
            a YAML file of them, see :func:`read_caption_file`.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: not a list of texts, an empty list, a text twice, an entry that is
            not a text, or texts that ``--cfg-options`` changed.
    """
    refuse_changed('texts', texts)
    if isinstance(texts, str) and texts.endswith(('.yml', '.yaml')):
        texts = [*read_caption_file(texts).values()]
    if isinstance(texts, str) or not isinstance(texts, Sequence) or not len(texts):
        raise ValueError(
            f'model.head.texts is {texts!r}; give a list with one text per class (or a '
            'list of several), or the path of a YAML file of them.'
        )
    seen: set[str] = set()
    for i, entry in enumerate(texts):
        parts = descriptions(entry) if isinstance(entry, Sequence) else []
        if not parts or not all(isinstance(t, str) and t.strip() for t in parts):
            raise ValueError(f'model.head.texts[{i}] is {entry!r}; give a text.')
        for text in parts:
            if text in seen:
                raise ValueError(
                    f'model.head.texts[{i}] repeats {text!r}: these two classes could '
                    'not be told apart.'
                )
            seen.add(text)
    return [entry if isinstance(entry, str) else [*entry] for entry in texts]


def descriptions(entry: Union[str, Sequence[str]]) -> list[str]:
    """Return the descriptions of one class."""
    return [entry] if isinstance(entry, str) else [*entry]


def average(embeddings: Tensor, texts: Texts) -> Tensor:
    """Average the embeddings of a class's descriptions.

    Each is scaled to length one, and so is their mean; a class with one description
    keeps its embedding as it is.

    Source: Radford et al., *Learning Transferable Visual Models From Natural Language
    Supervision*, ICML 2021, section 3.1.4 (ensembling in embedding space).

    Args:
        embeddings: embeddings of all descriptions, class after class, (M, D).
        texts: descriptions of K classes, M in all.

    Returns:
        (K, D).
    """
    parts = embeddings.split([len(descriptions(entry)) for entry in texts])
    rows = [
        part if len(part) == 1 else F.normalize(F.normalize(part).mean(0, keepdim=True))
        for part in parts
    ]
    return torch.cat(rows)  # (K, D)


def pack(source: Mapping[str, Any]) -> Tensor:
    """Turn plain data into a uint8 tensor of JSON bytes."""
    data = json.dumps(source, ensure_ascii=False, sort_keys=True).encode()
    return torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy())


def unpack(packed: Tensor) -> dict[str, Any]:
    """Turn the bytes of :func:`pack` back into plain data.

    Raises:
        ValueError: the bytes are not such data.
    """
    try:
        data = packed.cpu().numpy().astype(np.uint8).tobytes()
        source = parse_json(data, KEY)
    except ValueError as error:
        raise ValueError(f"the checkpoint's {KEY} is damaged: {error}") from error
    if not isinstance(source, dict) or 'encoder' not in source:
        raise ValueError(f"the checkpoint's {KEY} names no text encoder.")
    return source


def text_differences(saved: Sequence[Any], texts: Sequence[Any]) -> list[str]:
    """Name the texts in which a config differs from a checkpoint."""
    if len(saved) != len(texts):
        return [f'{len(saved)} texts in the checkpoint, {len(texts)} in the config']
    return [
        f'text {i}: {old!r} in the checkpoint, {new!r} in the config'
        for i, (old, new) in enumerate(zip(saved, texts))
        if old != new
    ]
