from abc import ABCMeta, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Callable, Optional

import torch
from torch import Tensor, inference_mode, no_grad
from torch.random import fork_rng

from cite.models.half_precision import full_precision

from .cache import cached


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Compute apart from the forward pass around it.

    A run must not depend on whether the cache was warm, so no random number is used up;
    autocast, grad and inference mode of the surroundings do not reach the model.
    """
    cpu = torch.device('cpu')
    with fork_rng(devices=[]), inference_mode(False), no_grad(), full_precision(cpu):
        yield


class BaseTextEncoder(metaclass=ABCMeta):
    """A frozen language model: class descriptions in, one vector for each out.

    It is no ``nn.Module``: it is needed once, belongs in no checkpoint and moves to no
    device. A subclass loads its model in :meth:`compute` and lets go of it there.
    """

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Encode K texts into a (K, D) fp32 tensor on the CPU."""
        return self.encode(texts)['text_embeddings']

    def encode(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Encode K texts, or take them from the cache.

        Returns:
            ``text_embeddings`` (K, D), and what else the encoder offers.
        """
        texts = list(texts)
        with _undisturbed():
            if self.cache_identity() is None:
                return self._checked(texts)
            return cached(lambda: self._question(texts), lambda: self._checked(texts))

    def _question(self, texts: list[str]) -> dict[str, Any]:
        return {
            'encoder': type(self).__name__,
            'precision': 'float32',
            'texts': texts,
            **(self.cache_identity() or {}),
        }

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
        """Return D where it is known without loading the model, else None."""
        return None

    @abstractmethod
    def cache_identity(self) -> Optional[dict[str, Any]]:
        """Describe the model and options for the cache; None to stay out of it."""

    @abstractmethod
    def source(self) -> dict[str, Any]:
        """Describe the model and options for a checkpoint: names, never paths."""

    def differences(
        self,
        saved: Mapping[str, Any],
        embeddings: Tensor,
        averaged: Callable[[Tensor], Tensor] = lambda embeddings: embeddings,
    ) -> list[str]:
        """Say in which points this encoder is not the one of a checkpoint.

        Args:
            saved: :meth:`source` of the checkpoint's encoder.
            embeddings: the checkpoint's (K, D).
            averaged: makes (K, D) of an embedding for each description.
        """
        own, saved = dict(self.source()), dict(saved)
        ours, theirs = own.pop('weights', {}), saved.pop('weights', {})
        shared = {*ours} & {*theirs}
        same_weights = all(ours[kind] == theirs[kind] for kind in shared)
        if shared and same_weights:  # of whatever name
            own['model'] = saved.get('model')
        found = [
            f'{name} {saved.get(name)!r} in the checkpoint, '
            f'{own.get(name)!r} in the config'
            for name in sorted({*own, *saved})
            if own.get(name) != saved.get(name)
        ]
        if not same_weights:
            found.append(f"other weights under the model's name {own['model']!r}")
        return found
