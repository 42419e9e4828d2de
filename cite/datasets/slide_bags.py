import os.path as osp
from typing import Any, Optional

import numpy as np
from mmcls.datasets.builder import DATASETS

from cite.core.seeding import random_state

from .patch_gastric_cls3 import PatchGastricCls3
from .samplers import Draw


@DATASETS.register_module()
class SlideBags(PatchGastricCls3):
    """Slides as bags of their patches' features: an item is a slide.

    For heads that pool a slide's patches, such as ``TextMILHead``. Metrics of patches
    and of slides are the same here.

    Example::

        dict(
            type='SlideBags', patches=256, feature_file='features/uni', num_aug=1,
            data_prefix='', ann_file='features/uni.txt',
            pipeline=[
                dict(type='ToTensor', keys=['img', 'gt_label']),
                dict(type='Collect', keys=['img', 'gt_label'])])

    Args:
        patches: patches of a slide that an item of training has, chosen at random;
            slides with fewer are filled up with rows of zeros. In evaluation an item
            has all patches, filled up to the largest slide's.
        **kwargs: arguments of :class:`PatchGastricCls3`; ``feature_file`` is needed.

    Raises:
        ValueError: no ``feature_file``, or ``patches`` below 1.
    """

    data_infos: list[dict[str, Any]]

    def __init__(self, patches: Optional[int] = 256, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.features is None:
            raise ValueError(
                'SlideBags needs feature_file: make it with `cite extract` or '
                '`cite import-features`.'
            )
        if not isinstance(patches, int) or patches < 1:
            raise ValueError(f'patches={patches!r}; give a whole number, 1 or more.')
        self.patches = patches
        # Not `features`, which the loader of single patches looks for.
        self._patch_features, self.features = self.features, None
        names, first, place = np.unique(
            self.get_bags(), return_index=True, return_inverse=True
        )
        self._rows = [np.flatnonzero(place == slide) for slide in range(len(names))]
        infos = self.data_infos
        self.data_infos = [
            {
                **infos[i],
                'img_info': {'filename': osp.join(self.data_prefix or '', str(name))},
            }
            for name, i in zip(names, first)
        ]

    def prepare_data(self, idx: int) -> dict:
        """Return a slide: ``img`` (n, D) float32, and ``gt_label``."""
        if isinstance(idx, Draw):
            with random_state(idx.seed, idx.k):
                return self._bag(int(idx))
        return self._bag(int(idx))

    def _bag(self, idx: int) -> dict:
        rows = self._rows[idx % len(self)]
        size = max(map(len, self._rows)) if self.test_mode else self.patches
        draws = np.zeros(len(rows), np.int64)
        if not self.test_mode:
            rows = np.random.permutation(rows)[:size]
            draws = np.random.randint(len(self._patch_features), size=len(rows))
        values = self._patch_features.take(draws, rows)  # (n, D)
        bag = np.zeros((size, values.shape[1]), np.float32)
        bag[: len(values)] = values
        info = self.data_infos[idx % len(self)]
        label = info['gt_label'].copy()
        return self.pipeline({**info, 'img': bag, 'gt_label': label})
