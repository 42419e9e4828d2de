"""CLIP's text tower out of a folder of Hugging Face transformers."""

import re
from typing import Any

import torch
from torch import Tensor

from .language_model import load_language_model


def is_hub_name(name: str) -> bool:
    """Tell ``owner/model`` from the path of a checkpoint file."""
    is_name = re.fullmatch(r'[\w-]+/[\w.-]+', name)
    return bool(is_name) and not name.endswith(('.pt', '.pth', '.bin', '.safetensors'))


def encode_texts(name: str, texts: list[str]) -> dict[str, Tensor]:
    """Encode K texts with the text tower and projection of a ``CLIPModel``.

    Args:
        name: a local folder or a hub name.
        texts: K texts.

    Returns:
        ``text_embeddings`` (K, D), and ``logit_scale`` () where there is one.

    Raises:
        FileNotFoundError, ValueError: see
            :func:`.language_model.load_language_model`; or a text is too long.
    """
    tokenizer, model = load_language_model(name, 'clip')
    limit = model.config.max_position_embeddings
    rows = [_encode_text(text, tokenizer, model, limit) for text in texts]
    result = {'text_embeddings': torch.cat(rows)}  # (K, D)
    if model.logit_scale is not None:
        result['logit_scale'] = model.logit_scale
    return result


def _encode_text(text: str, tokenizer: Any, model: Any, limit: int) -> Tensor:
    inputs = tokenizer(text, return_tensors='pt', padding=False)
    if inputs['input_ids'].shape[1] > limit:
        raise ValueError(
            f'a text is longer than the {limit} tokens that CLIP reads: '
            f'{text[:60]!r}… Shorten it (model.head.texts).'
        )
    output = model(inputs['input_ids'], attention_mask=inputs['attention_mask'])
    return output.text_embeds  # (1, D)
