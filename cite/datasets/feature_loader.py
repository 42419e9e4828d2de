"""Batches of features, each one indexing of an array.

mmcls loads item by item, in workers, which takes longer than a training step on
features. :func:`.builder.build_dataloader` gives this loader to a data set with
``feature_file``, in training and in ``mim test``; it yields what mmcls' own would.
"""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmcv.parallel import DataContainer
from torch.utils.data import DataLoader

from cite.datasets.storage.features import feature_draw

from .samplers import Draw

# Steps that leave features and labels as they are.
_PLAIN_STEPS = ('ToTensor', 'ImageToTensor', 'Collect')


def reads_features(dataset: Any) -> bool:
    """Tell whether items are features, read by our pipeline and nothing else."""
    if getattr(dataset, 'features', None) is None:
        return False
    first, *rest = dataset.pipeline.transforms or [None]
    return hasattr(first, 'augments') and all(
        type(step).__name__ in _PLAIN_STEPS for step in rest
    )


class FeatureLoader(DataLoader):
    """Yields batches of features; its arguments are torch's ``DataLoader``'s."""

    @classmethod
    def in_place_of(cls, loader: DataLoader) -> 'FeatureLoader':
        """Return one that yields what another loader would, in this process."""
        return cls(
            loader.dataset,
            batch_size=loader.batch_size,
            sampler=loader.sampler,
            drop_last=loader.drop_last,
            collate_fn=loader.collate_fn,
        )

    def __iter__(self) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        batches: Any = self.batch_sampler
        for batch in batches:
            yield self._batch(batch)

    def _batch(self, batch: list[int]) -> dict[str, Any]:
        dataset: Any = self.dataset
        reader, *steps = dataset.pipeline.transforms
        at_random = reader.augments(dataset.test_mode)
        indices = np.fromiter(batch, np.int64, len(batch))
        draws = _draws(batch, len(dataset.features) if at_random else 1)
        loaded: dict[str, Any] = {
            'img': torch.from_numpy(dataset.features.take(draws, indices)),  # (N, D)
            'gt_label': torch.from_numpy(self._labels[indices]),  # (N,)
        }
        collect = next((s for s in steps if type(s).__name__ == 'Collect'), None)
        if collect is None:
            return loaded
        loaded = {key: loaded[key] for key in collect.keys}
        loaded['img_metas'] = self._metas(indices, collect.meta_keys)
        return loaded

    @functools.cached_property
    def _labels(self) -> np.ndarray:
        return np.asarray(self.dataset.get_gt_labels(), np.int64)  # type: ignore[attr-defined]

    def _metas(self, indices: np.ndarray, keys: Any) -> DataContainer:
        infos = self.dataset.data_infos  # type: ignore[attr-defined]
        names = [infos[i]['img_info']['filename'] for i in indices]
        wanted = 'filename' in keys
        metas = [{'filename': name} if wanted else {} for name in names]
        return DataContainer([metas], cpu_only=True)


def _draws(batch: list[int], num_aug: int) -> np.ndarray:
    """Choose the feature draw of each index of a batch, (N,)."""
    if num_aug == 1:
        return np.zeros(len(batch), np.int64)
    if not isinstance(batch[0], Draw):  # another sampler: torch's random numbers
        return torch.randint(num_aug, (len(batch),)).numpy()
    k = np.fromiter((draw.k for draw in batch), np.int64, len(batch))  # type: ignore[attr-defined]
    return np.asarray(feature_draw(batch[0].seed, k, num_aug))
