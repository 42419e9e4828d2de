import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import torch
from mmcls.models.builder import MODELS
from torch import Tensor

from .base_text_encoder import BaseTextEncoder
from .feature_file import load_text_features
from .language_model import load_language_model
from .model_files import (
    cache_identity,
    find_folder,
    short_name,
    weight_files,
    weights_digest,
)

KEYS = ('pooler_output', 'last_hidden_state')


@MODELS.register_module()
class BERT(BaseTextEncoder):
    """A frozen BERT: one vector per text, each text encoded by itself.

    Nothing is loaded before the first text comes. A text longer than the model's limit
    is cut there, with a warning.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Args:
        model: a hub name, or the folder of a transformers model.
        key: which of the model's outputs: ``'pooler_output'``, or
            ``'last_hidden_state'``, of which the [CLS] token is taken.
        text_feature_file: a file with the (K, D) embeddings, see
            :func:`.feature_file.load_text_features`; no model is needed then.
        trust_remote_code: let transformers run Python files that come with the model.

    Raises:
        ValueError: an unknown ``key``.
    """

    def __init__(
        self,
        model: str = 'michiyasunaga/BioLinkBERT-large',
        key: str = 'pooler_output',
        text_feature_file: Optional[str] = None,
        trust_remote_code: bool = False,
    ) -> None:
        if key not in KEYS:
            raise ValueError(
                f'model.head.text_encoder.key is {key!r}; choose one of {KEYS}.'
            )
        self.model = model
        self.key = key
        self.text_feature_file = text_feature_file
        self.trust_remote_code = trust_remote_code

    def compute(self, texts: list[str]) -> dict[str, Tensor]:
        """Load the model (or the saved features) and encode K texts."""
        if self.text_feature_file is not None:
            return {'text_embeddings': self._saved_features(texts)}
        pooler = self.key == 'pooler_output'
        tokenizer, model = load_language_model(
            self.model, pooler, self.trust_remote_code
        )
        rows = [self._encode_text(text, tokenizer, model) for text in texts]
        return {'text_embeddings': torch.cat(rows)}  # (K, D)

    def _encode_text(self, text: str, tokenizer: Any, model: Any) -> Tensor:
        inputs = tokenizer(text, return_tensors='pt')
        length = inputs['input_ids'].shape[1]
        limit = min(
            tokenizer.model_max_length,
            getattr(model.config, 'max_position_embeddings', length),
        )
        if length > limit:
            warnings.warn(
                f'a text of {length} tokens is cut to the {limit} that '
                f'{self.model} takes: {text[:60]!r}…',
                stacklevel=2,
            )
            inputs = tokenizer(
                text, return_tensors='pt', truncation=True, max_length=limit
            )
        output = model(**inputs).get(self.key)
        if output is None:
            raise ValueError(
                f'text encoder {self.model} has no {self.key}. Set '
                "model.head.text_encoder.key='last_hidden_state' ([CLS] token)."
            )
        return output if output.dim() == 2 else output[:, 0]  # (1, D)

    def _saved_features(self, texts: list[str]) -> Tensor:
        features = load_text_features(str(self.text_feature_file))
        if len(features) != len(texts):
            raise ValueError(
                f'{self.text_feature_file} holds {len(features)} text embeddings, the '
                f'config has {len(texts)} texts (model.head.texts).'
            )
        return features  # (K, D)

    def cache_identity(self) -> Optional[dict[str, Any]]:
        """Describe model and key; saved features need no cache."""
        if self.text_feature_file is not None:
            return None
        return {'key': self.key, **cache_identity(self.model)}

    def source(self) -> dict[str, Any]:
        """Describe model and key, or the file's name, for a checkpoint."""
        if self.text_feature_file is not None:
            return {'encoder': 'BERT', 'file': Path(self.text_feature_file).name}
        folder = find_folder(self.model)
        return {
            'encoder': 'BERT',
            'model': short_name(self.model),
            'key': self.key,
            'weights': weights_digest(weight_files(folder) if folder else []),
        }

    def differences(self, saved: Mapping[str, Any], embeddings: Tensor) -> list[str]:
        """Compare with a checkpoint; a feature file that exists by its numbers."""
        file = self.text_feature_file
        if file is None or not Path(file).expanduser().is_file():
            return super().differences(saved, embeddings)
        own = load_text_features(file)
        if own.shape == embeddings.shape and torch.allclose(
            own, embeddings.float().cpu(), atol=1e-6
        ):
            return []
        return [f'{file} holds other numbers than the checkpoint']
