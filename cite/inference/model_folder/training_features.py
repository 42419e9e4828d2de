from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_AXES = 64  # at most; with 1536 numbers each they take 0.4 MB
_TENSORS = ('mean', 'axes', 'variances', 'rest', 'distances')
_LEVELS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class TrainingFeatures:
    """A summary of the features of training tiles: how far from them is a tile?

    A normal distribution with the covariance of probabilistic principal components: the
    largest axes with their variances, and one variance for all directions that are
    left. Its size is bounded, and it has an inverse even with fewer tiles than
    dimensions.

    Source: Tipping and Bishop, *Probabilistic Principal Component Analysis*, JRSS B
    61(3), 1999, section 3; Lee et al., *A Simple Unified Framework for Detecting
    Out-of-Distribution Samples*, NeurIPS 2018, for the distance.

    Args:
        mean: (D,).
        axes: orthonormal rows, (R, D).
        variances: of the axes, (R,).
        rest: variance of each other direction, (1,).
        distances: quantiles 0 %, 1 %, … 100 % of the distances of training tiles of
            other slides than those that the distribution was fitted to, (101,).
    """

    mean: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    rest: np.ndarray
    distances: np.ndarray

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Return the Mahalanobis distance of features (N, D) from training, (N,)."""
        x = np.asarray(features, np.float64) - self.mean  # (N, D)
        along = x @ self.axes.T  # (N, R)
        left = np.maximum((x**2).sum(1) - (along**2).sum(1), 0)  # (N,)
        squared = (along**2 / self.variances).sum(1) + left / self.rest[0]
        return np.sqrt(squared)

    def quantile(self, features: np.ndarray) -> np.ndarray:
        """Return the share of training tiles that are nearer than each tile, (N,)."""
        rank = np.searchsorted(self.distances, self.distance(features), side='right')
        return np.minimum(rank, 100) / 100

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, float32."""
        return {k: np.asarray(getattr(self, k), np.float32) for k in _TENSORS}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, np.ndarray]) -> 'TrainingFeatures':
        """Make it from :meth:`tensors`.

        Raises:
            ValueError: a tensor is missing, unknown, or of another type or shape.
        """
        if {*tensors} != {*_TENSORS}:
            raise ValueError(f'it holds {sorted(tensors)} instead of {list(_TENSORS)}')
        arrays = {name: np.asarray(tensors[name]) for name in _TENSORS}
        for name, array in arrays.items():
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise ValueError(f'{name} is not finite float32')
        width, rank = arrays['mean'].shape[-1:], len(arrays['variances'])
        shapes = [arrays[name].shape for name in _TENSORS]
        if shapes != [width, (rank, *width), (rank,), (1,), (101,)] or rank > _AXES:
            raise ValueError(f'its shapes {shapes} do not fit each other')
        if (np.append(arrays['variances'], arrays['rest']) <= 0).any():
            raise ValueError('a variance is not above 0')
        if (np.diff(arrays['distances']) < 0).any():
            raise ValueError('the quantiles of the distances do not ascend')
        return cls(*(arrays[name].astype(np.float64) for name in _TENSORS))

    @classmethod
    def fit(cls, features: np.ndarray, slides: np.ndarray) -> 'TrainingFeatures':
        """Summarise the features of tiles.

        Args:
            features: (N, D), of four tiles or more.
            slides: slide of each tile, (N,). Every second slide is fitted to, the
                others give the distances; of a single slide, every second tile.

        Raises:
            ValueError: fewer than four tiles.
        """
        if len(features) < 4:
            raise ValueError(f'{len(features)} tiles are too few; give 4 or more.')
        features = np.asarray(features, np.float64)
        names, place = np.unique(slides, return_inverse=True)
        fitted = (place if len(names) > 1 else np.arange(len(features))) % 2 == 0
        # A slide may have one tile alone.
        fitted = fitted if fitted.sum() > 1 else np.arange(len(features)) % 2 == 0
        chosen = features[fitted]
        mean = chosen.mean(0)
        _, singular, axes = np.linalg.svd(chosen - mean, full_matrices=False)
        variances = singular**2 / (len(chosen) - 1)
        width = features.shape[1]
        rank = max(min(_AXES, len(chosen) // 2, width - 1), 1)
        tail, number = variances[rank:].sum(), max(width - rank, 1)
        least = max(variances.sum() / width * 1e-3, np.finfo(np.float32).tiny * 1e6)
        rest = np.array([max(tail / number, least)])
        summary = cls(
            *(mean, axes[:rank], np.maximum(variances[:rank], rest), rest),
            distances=np.zeros(101),
        )
        other = summary.distance(features[~fitted])
        return cls(
            *(mean, axes[:rank], summary.variances, rest, np.quantile(other, _LEVELS))
        )
