import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Optional, Union

import numpy as np
import torch
from torch import Tensor

from cite.core.files.elsewhere import looked_at
from cite.core.files.numpy_files import read_npy
from cite.core.files.weights import load_weights
from cite.core.messages import check_choice
from cite.models.hub import config_width
from cite.models.model_identity import cache_identity, model_digest, short_name

from .base_text_encoder import POOLINGS, Average, BaseTextEncoder
from .language_model import Kind, explained_text, load_language_model


class TransformersTextEncoder(BaseTextEncoder):
    """A frozen language model of transformers: the base of BERT, T5 and decoders.

    Nothing is loaded before the first text comes. Each text is encoded by itself, so
    that nothing is padded and no text's vector depends on the others. A text beyond the
    model's limit is cut, with a warning.

    Args:
        model: a hub name, or the folder of a transformers model.
        key: which vector represents a text, one of :attr:`keys`.
        text_feature_file: a file with the (K, D) embeddings, see
            :func:`load_text_features`; no model is needed then.
        trust_remote_code: let transformers run Python files that come with the model.

    Raises:
        ValueError: an unknown ``key``.
    """

    keys: ClassVar[tuple[str, ...]]
    kind: ClassVar[Kind]

    def __init__(
        self,
        model: str,
        key: str,
        text_feature_file: Optional[str] = None,
        trust_remote_code: bool = False,
    ) -> None:
        self.model = model
        self.key = check_choice('model.head.text_encoder.key', key, self.keys)
        self.text_feature_file = text_feature_file
        self.trust_remote_code = trust_remote_code

    def compute(self, texts: list[str]) -> dict[str, Tensor]:
        """Load the model (or the saved features) and encode K texts."""
        if self.text_feature_file is not None:
            return {'text_embeddings': self._saved_features(texts)}
        needs_pooler = self.key == 'pooler_output'
        tokenizer, model = load_language_model(
            self.model, self.kind, needs_pooler, self.trust_remote_code
        )
        rows = []
        for text in texts:
            with explained_text(self.model, text):
                rows.append(self._encode_text(text, tokenizer, model))
        return {'text_embeddings': torch.cat(rows)}  # (K, D)

    def _encode_text(self, text: str, tokenizer: Any, model: Any) -> Tensor:
        output = model(**self._tokens(text, tokenizer, model))
        if self.key == 'pooler_output':
            pooled = output.get(self.key)
            if pooled is None:
                raise ValueError(
                    f'text encoder {self.model} has no {self.key}. Set '
                    "model.head.text_encoder.key='last_hidden_state' ([CLS] token), "
                    "or type='DecoderTextEncoder' for a model without [CLS], like GPT."
                )
            return pooled  # (1, D)
        return POOLINGS[self.key](output.last_hidden_state)  # (1, D)

    def _tokens(self, text: str, tokenizer: Any, model: Any) -> Mapping[str, Tensor]:
        # The file of some tokenizers asks for padding, which is not wanted here.
        options = {'return_tensors': 'pt', 'padding': False}
        inputs = tokenizer(text, **options)
        length = inputs['input_ids'].shape[1]
        if not length:
            raise ValueError(
                f'the tokenizer of {self.model} turns the text {text!r} into no token. '
                'Reword it (model.head.texts).'
            )
        positions = getattr(model.config, 'max_position_embeddings', length)
        limit = min(tokenizer.model_max_length, positions)
        if length > limit:
            warnings.warn(
                f'a text of {length} tokens is cut to the {limit} that '
                f'{self.model} takes: {text[:60]!r}…',
                stacklevel=2,
            )
            inputs = tokenizer(text, truncation=True, max_length=limit, **options)
        # Any tokenizer may return token types, which only BERTs understand.
        names = [*inputs] if self.kind == 'bert' else ['input_ids', 'attention_mask']
        return {name: inputs[name] for name in names}

    def _saved_features(self, texts: list[str]) -> Tensor:
        features = load_text_features(str(self.text_feature_file))
        if len(features) != len(texts):
            raise ValueError(
                f'{self.text_feature_file} holds {len(features)} text embeddings, the '
                f'config has {len(texts)} texts (model.head.texts).'
            )
        return features  # (K, D)

    def width(self) -> Optional[int]:
        """Return D if a small file states it, else None."""
        if self.text_feature_file is not None:
            return load_text_features(self.text_feature_file).shape[1]
        return config_width(self.model)

    def cache_identity(self) -> Optional[dict[str, Any]]:
        """Describe model and key; saved features need no cache."""
        if self.text_feature_file is not None:
            return None
        return {'key': self.key, **cache_identity(self.model)}

    def source(self) -> dict[str, Any]:
        """Describe model and key, or the file's name, for a checkpoint."""
        name = type(self).__name__
        if self.text_feature_file is not None:
            return {'encoder': name, 'file': Path(self.text_feature_file).name}
        return {
            'encoder': name,
            'model': short_name(self.model),
            'key': self.key,
            'weights': model_digest(self.model),
        }

    def differences(
        self, saved: Mapping[str, Any], embeddings: Tensor, average: Average
    ) -> list[str]:
        """Compare with a checkpoint; a feature file that exists by its numbers."""
        file = self.text_feature_file
        if file is None or not Path(file).expanduser().is_file():
            return super().differences(saved, embeddings, average)
        features = average(load_text_features(file))
        if features.shape == embeddings.shape and torch.allclose(
            features, embeddings.float().cpu(), atol=1e-6
        ):
            return []
        return [f'{file} holds other numbers than the checkpoint']


def load_text_features(path: Union[str, Path]) -> Tensor:
    """Read a saved (K, D) tensor, in fp32 and onto the CPU.

    Args:
        path: a ``.npy`` file, a ``.safetensors`` file with one tensor, or a file of
            :func:`torch.save` with a tensor or a dict of one tensor.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: the file does not hold one such tensor, or is damaged.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such file (model.head.text_encoder.text_feature_file).'
            f'{looked_at(path)}'
        )
    is_npy = path.suffix == '.npy'
    features = _load_npy(path) if is_npy else load_weights(path)
    if isinstance(features, dict) and len(features) == 1:
        features = next(iter(features.values()))
    if not isinstance(features, Tensor) or features.dim() != 2:
        shape = getattr(features, 'shape', None)
        content = type(features).__name__ if shape is None else f'shape {tuple(shape)}'
        raise ValueError(
            f'{path} must hold one tensor (texts, width), but has {content}.'
        )
    return features.detach().float()


def _load_npy(path: Path) -> Tensor:
    return torch.from_numpy(read_npy(path).astype(np.float32))
