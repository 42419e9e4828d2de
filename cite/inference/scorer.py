"""The model's network on a device: inputs and features in, features and scores out."""

from collections.abc import Sequence
from typing import Any, Callable, Optional

import numpy as np
import torch
from torch import Tensor

from cite.models.class_token import class_token
from cite.models.classifiers.each_alone import each_alone
from cite.models.classifiers.normalize import ImageBuffer, to_float
from cite.models.precision import autocast


class Scorer:
    """Run a network on arrays.

    On a CPU a row's numbers do not depend on the other rows.

    Args:
        network: the classifier, in evaluation.
        device: where to compute.
    """

    def __init__(self, network: Any, device: torch.device) -> None:
        self.network, self.device = network.to(device), device
        self._buffer = ImageBuffer()

    def forward(
        self, batch: Tensor, meta: dict[str, Any]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return features (N, D) and probabilities (N, K) of inputs (N, 3, size, size).

        Args:
            batch: uint8 or float32.
            meta: how bytes are normalised.
        """
        images = to_float(batch.to(self.device), [meta] * len(batch), self._buffer)
        pairs = self._each(self._backbone_and_head, images)
        features, scores = zip(*pairs) if pairs else ((), ())
        return self.stacked(features, 0), self.stacked(scores)

    def score(self, features: np.ndarray) -> np.ndarray:
        """Return the probabilities (N, K) of features (N, D)."""
        rows = self._rows(features)
        return self.stacked(self._each(self._head, rows, 1))

    def project(self, features: np.ndarray) -> np.ndarray:
        """Return what the head compares with texts (N, T), of features (N, D)."""
        rows = self._rows(features)
        return self.stacked(self._each(self._neck, rows, 1), 0)

    def stacked(
        self, parts: Sequence[Tensor], width: Optional[int] = None
    ) -> np.ndarray:
        """Join rows, float32; none have the width of the scores, unless it is given."""
        if not parts:
            wide = self.network.head.num_classes if width is None else width
            return np.zeros((0, wide), np.float32)
        return torch.cat(list(parts)).float().numpy()

    def _rows(self, features: np.ndarray) -> Tensor:
        rows = torch.as_tensor(np.asarray(features, np.float32)).to(self.device)
        if rows.dim() != 2:
            raise ValueError(f'features are {tuple(rows.shape)}; give (N, D).')
        return rows

    @torch.inference_mode()
    def _each(
        self, compute: Callable[[Tensor], Any], rows: Tensor, threads: int = 0
    ) -> list[Any]:
        """Compute images or features as ImageClassifier.simple_test does.

        Features take one thread: a row's work is mostly Python's.
        """
        with autocast(self._precision, self.device):
            return each_alone(compute, rows, self.network, threads)

    def _backbone_and_head(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = self.network.extract_feat(images, stage='backbone')
        return _vector(x).float().cpu(), self._head(x)

    def _head(self, x: Any) -> Tensor:
        x = self._after_neck(x)
        return self.network.head.simple_test(x, post_process=False).cpu()

    def _neck(self, x: Any) -> Tensor:
        return self.network.head.pre_logits(self._after_neck(x)).float().cpu()

    def _after_neck(self, x: Any) -> Any:
        return self.network.neck(x) if self.network.with_neck else x

    @property
    def _precision(self) -> str:
        return getattr(self.network, 'precision', 'fp32')


def _vector(x: Any) -> Tensor:
    """Return one vector per image; the mean over the positions of a feature map."""
    last = x[-1] if isinstance(x, (tuple, list)) else x
    if isinstance(last, Tensor) and last.dim() == 4:
        return last.mean((2, 3))
    return class_token(x)
