from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional

import torch
from torch import Tensor, inference_mode, no_grad
from torch.random import fork_rng

from cite.models.precision import full_precision

from .cache import cached

Average = Callable[[Tensor], Tensor]
# By an encoder's `key`: a text's tokens (N, T, D), none of them padding, to (N, D).
# `last_hidden_state` is the released name of [CLS]. Source of the mean: Reimers and
# Gurevych, *Sentence-BERT*, EMNLP 2019, section 3.
POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    'last_hidden_state': lambda tokens: tokens[:, 0],
    'mean': lambda tokens: tokens.sum(dim=1) / tokens.shape[1],
    'last': lambda tokens: tokens[:, -1],
}


class BaseTextEncoder(metaclass=ABCMeta):
    """A frozen language model: class descriptions in, one vector for each out.

    It is not an ``nn.Module``, because it is needed once, is saved in no checkpoint and
    moves to no device. A subclass loads its model in :meth:`compute` and drops it.
    """

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Encode K texts into a (K, D) fp32 tensor on the CPU."""
        return self.encode(texts)['text_embeddings']

    def encode(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Encode K texts, or take them from the cache.

        Returns:
            ``text_embeddings`` (K, D), and further tensors of some encoders.
        """
        texts = list(texts)
        fixed = {'encoder': type(self).__name__, 'precision': 'float32', 'texts': texts}
        # A run must not depend on whether the cache was warm, so the caller's random
        # numbers, autocast, grad and inference mode are kept out.
        cpu = full_precision(torch.device('cpu'))
        with fork_rng(devices=[]), inference_mode(False), no_grad(), cpu:
            if self.cache_identity() is None:
                return self._checked(texts)
            return cached(
                lambda: {**fixed, **(self.cache_identity() or {})},
                lambda: self._checked(texts),
            )

    def _checked(self, texts: list[str]) -> dict[str, Tensor]:
        result = self.compute(texts)
        if not torch.isfinite(result['text_embeddings']).all():
            raise ValueError(
                f'the text embeddings of {self.source()} are not finite: the weights '
                'or the file are damaged.'
            )
        return result

    @abstractmethod
    def compute(self, texts: list[str]) -> dict[str, Tensor]:
        """Load the model and encode; called without grad and autocast."""

    def width(self) -> Optional[int]:
        """Return D if it is known without loading the model, else None."""
        return None

    @abstractmethod
    def cache_identity(self) -> Optional[dict[str, Any]]:
        """Describe the model and options for the cache; None to bypass it."""

    @abstractmethod
    def source(self) -> dict[str, Any]:
        """Describe the model and options for a checkpoint: names, never paths."""

    def differences(
        self, saved: Mapping[str, Any], embeddings: Tensor, average: Average
    ) -> list[str]:
        """List the points in which this encoder differs from a checkpoint's.

        Args:
            saved: :meth:`source` of the checkpoint's encoder.
            embeddings: the checkpoint's (K, D).
            average: averages the embeddings of all descriptions into (K, D).
        """
        source, saved = dict(self.source()), dict(saved)
        digests, saved_digests = source.pop('weights', {}), saved.pop('weights', {})
        shared = {*digests} & {*saved_digests}
        same_weights = all(digests[kind] == saved_digests[kind] for kind in shared)
        if shared and same_weights:  # then the name does not matter
            source['model'] = saved.get('model')
        differences = [
            f'{name} {saved.get(name)!r} in the checkpoint, '
            f'{source.get(name)!r} in the config'
            for name in sorted({*source, *saved})
            if source.get(name) != saved.get(name)
        ]
        if not same_weights:
            name = source['model']
            differences.append(f"other weights under the model's name {name!r}")
        return differences


def too_long(text: str, limit: int, model: str) -> ValueError:
    """Return the error for a text that is not to be cut."""
    return ValueError(
        f'a text is longer than the {limit} tokens that {model} reads: {text[:60]!r}… '
        'Shorten it (model.head.texts).'
    )
