import os.path as osp
from collections.abc import Sequence
from typing import Any, Optional, Union

import mmcv
import numpy as np
from mmcls.datasets.base_dataset import BaseDataset
from mmcls.datasets.builder import DATASETS

from cite.core.evaluation import check_metrics, compute_metrics, stack_scores
from cite.core.random_state import random_state
from cite.datasets.pipelines.augmentation import passes_images
from cite.datasets.storage.feature_note import check_note, lines_digest
from cite.datasets.storage.features import FeatureDraws, feature_draw
from cite.datasets.storage.pack import PackedPatches
from cite.datasets.storage.patch_cache import PatchCache, cache_limit
from cite.datasets.storage.unreadable import (
    ERRORS,
    Unreadable,
    check_on_error,
    readable,
    report_absent,
)
from cite.datasets.tables.annotations import (
    bag_of,
    check_slide_labels,
    read_annotations,
)
from cite.datasets.tables.class_file import PATCH_GASTRIC_CLASSES, read_class_file

from .samplers import Draw


@DATASETS.register_module()
class PatchGastricCls3(BaseDataset):
    """Patches of slides with one class per slide; by default PatchGastric's three.

    A patch belongs to the slide that its file name starts with, up to the first ``_``.
    Balanced drawing is done by :class:`BalancedSampler`, which ``sampler_cfg`` asks
    for; an item is always the patch of its index.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 3.

    Args:
        patient_level: accepted for old configs; without effect.
        slide_balance: draw classes in rotation, within a class its slides in rotation,
            within a slide its patches.
        patch_balance: draw classes in rotation, within a class all its patches alike.
        feature_file: with it no image is read: ``{feature_file}_{i}.npy`` for i from 1
            to ``num_aug`` hold augmented draws of features, (lines, D) each, in the
            order of the annotation file. Training picks one at random, evaluation
            takes the first.
        num_aug: number of feature files; needed with ``feature_file``.
        cache: memory for decoded patches in training, shared by the workers: ``'auto'``
            (a quarter of what is free), ``'4GB'`` or the like, ``'off'``. It needs a
            pipeline with ``backend='fast'``.
        packed: a file of ``tools/pack.py`` to read the patches from, instead of their
            own files. It needs a pipeline with ``backend='fast'``.
        on_error: what to do with an image that cannot be read: ``'raise'``, or
            ``'skip'`` it. In training another of its class takes its place, and the run
            reports how many; evaluation leaves it out of the metrics, and says so.
        feature_digest: of the frozen backbone that the features must come from, as
            ``tools/extract_features.py`` writes it; None takes any.
        **kwargs: mmcls' ``BaseDataset``'s. ``classes`` may also name a classes file
            (``.yml``).

    Raises:
        ValueError: both balances at once, or a faulty annotation, classes or feature
            file.
        FileNotFoundError: one of these files is missing.
    """

    CLASSES = tuple(PATCH_GASTRIC_CLASSES)

    def __init__(
        self,
        patient_level: bool = False,
        slide_balance: bool = False,
        patch_balance: bool = False,
        feature_file: Optional[str] = None,
        num_aug: Optional[int] = None,
        cache: Union[str, int, None] = 'auto',
        packed: Optional[str] = None,
        on_error: str = 'raise',
        feature_digest: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        if slide_balance and patch_balance:
            raise ValueError(
                'slide_balance and patch_balance exclude each other. Choose one.'
            )
        self.patient_level = patient_level
        self.balance = 'slide' if slide_balance else 'patch' if patch_balance else None
        self.on_error = check_on_error(on_error)
        super().__init__(**kwargs)
        self.cache: Any = self._make_cache(cache_limit(cache))
        if packed is not None:
            self.cache = self._open_pack(packed)
        self._passes_images = passes_images(self.pipeline.transforms)
        self.unreadable = None
        if on_error == 'skip':
            self.unreadable = Unreadable(self.get_gt_labels())
        self.features = None
        if feature_file is not None:
            self.features = FeatureDraws(feature_file, num_aug, len(self))
            lines, ann_file = self.annotation_digest(), str(self.ann_file)
            check_note(feature_file, lines, ann_file, feature_digest)

    def _make_cache(self, limit: int) -> Optional[PatchCache]:
        # Evaluation reads each patch once: there is nothing to gain from keeping it.
        sizes = [
            step.size
            for step in self.pipeline.transforms
            if getattr(step, 'backend', None) == 'fast'
        ]
        if self.test_mode or not sizes or not limit:
            return None
        return PatchCache(len(self), sizes[0], limit)

    def _open_pack(self, path: str) -> PackedPatches:
        steps = self.pipeline.transforms
        fast = [step for step in steps if getattr(step, 'backend', None) == 'fast']
        if not fast:
            raise ValueError(
                f"packed={path!r} needs a PatchGastricPipeline with backend='fast'."
            )
        return PackedPatches(
            path, self.filenames(), fast[0].size, fast[0].interpolation
        )

    @classmethod
    def get_classes(
        cls, classes: Union[str, Sequence[str], None] = None
    ) -> Sequence[str]:
        """Return the class names: given, or from a text or ``.yml`` file."""
        if isinstance(classes, str) and classes.endswith(('.yml', '.yaml')):
            return list(read_class_file(osp.expanduser(classes)))
        if isinstance(classes, str):
            lines = mmcv.list_from_file(osp.expanduser(classes))
            return [line.strip() for line in lines if line.strip()]
        return super().get_classes(classes)

    def load_annotations(self) -> list[dict]:
        """Read the annotation file into mmcls' description of each image."""
        if self.ann_file is None:
            raise ValueError('ann_file is missing: name a file made by tools/ann.py.')
        annotations = read_annotations(self.ann_file, len(self.CLASSES))
        check_slide_labels(annotations, self.ann_file)
        return [
            {
                'img_prefix': None,
                'img_info': {'filename': osp.join(self.data_prefix or '', filename)},
                'gt_label': np.array(label, dtype=np.int64),
                'bag': bag_of(filename),
            }
            for filename, label in annotations
        ]

    def get_bags(self) -> np.ndarray:
        """Return the slide of each patch, (N,), strings."""
        return np.array([info['bag'] for info in self.data_infos])

    @property
    def image_bytes(self) -> int:
        """Size of an image that :func:`cite.datasets.collate` augments; or 0."""
        steps = self.pipeline.transforms
        if not self._passes_images or getattr(steps[0], 'backend', None) != 'fast':
            return 0
        return 3 * steps[0].size ** 2

    def filenames(self) -> list[str]:
        """Return the file names as the annotation has them, (N,)."""
        start = len(osp.join(self.data_prefix or '', ''))
        return [info['img_info']['filename'][start:] for info in self.data_infos]

    def annotation_digest(self) -> str:
        """Digest the annotation's lines, for what is kept beside them."""
        return lines_digest(self.filenames(), list(self.get_gt_labels()))

    @property
    def sampler_cfg(self) -> Optional[dict]:
        """Config of the sampler that draws from this data set; None in evaluation."""
        if self.test_mode:
            return None
        return {'type': 'BalancedSampler', 'balance': self.balance}

    def prepare_data(self, idx: int) -> dict:
        """Run the pipeline on an item.

        A :class:`Draw` is augmented as ``(seed, k)`` says, any other index at random.
        """
        if isinstance(idx, Draw):
            with random_state(idx.seed, idx.k):
                return self._run_pipeline(idx)
        return self._run_pipeline(idx)

    def _run_pipeline(self, idx: int) -> dict:
        try:
            return self._load(idx)
        except ERRORS as error:
            fault = self._located(error, idx)
            if self.unreadable is None:
                raise fault from error
        try:
            return self.unreadable.replace(idx % len(self), self._load, self.test_mode)
        except ValueError as error:
            raise type(fault)(f'{fault} {error}') from error

    def _load(self, idx: int) -> dict:
        info = self.data_infos[idx]
        results = {
            **info,
            # Copied as deep as it goes, without the cost of deepcopy.
            'img_info': dict(info['img_info']),
            'gt_label': info['gt_label'].copy(),
            'test_mode': self.test_mode,
            'cache': self.cache,
            'cache_index': int(idx) % len(self),
            'pending': self._passes_images and getattr(idx, 'pending', False),
        }
        if self.features is not None:
            results['feature'] = self.features[idx]
            if isinstance(idx, Draw):
                num_aug = len(self.features)
                results['feature_draw'] = feature_draw(idx.seed, idx.k, num_aug)
        return self.pipeline(results)

    def _located(self, error: Exception, idx: int) -> Exception:
        kind = FileNotFoundError if isinstance(error, OSError) else type(error)
        return kind(
            f'{error} It stands in {self.ann_file}:{idx % len(self) + 1}. Restore '
            'the file (data_prefix is the folder it is looked for in), or take the '
            'line out.'
        )

    @staticmethod
    def check_metrics(names: Sequence[str]) -> None:
        """Raise a ValueError if one of the names is not that of a metric."""
        check_metrics(names)

    def evaluate(
        self,
        results: Sequence[np.ndarray],
        metric: Union[str, Sequence[str]] = 'mean_bag_accuracy',
        metric_options: Optional[dict] = None,
        indices: Optional[Sequence[int]] = None,
        logger: Any = None,
    ) -> dict[str, float]:
        """Compute metrics from the scores of the patches.

        Args:
            results: the scores of each patch, N of (K,).
            metric: names out of :data:`cite.core.evaluation.METRICS`. A tie goes to the
                lower class number.
            metric_options: without effect; mmcls passes it.
            indices: the items that the results belong to, (N,); default all, in order.
            logger: where a class without patches is reported.

        Returns:
            Named values, percent where they are shares.

        Raises:
            ValueError: an unknown metric, or results that do not fit the data set.
        """
        metrics = [metric] if isinstance(metric, str) else list(metric)
        self.check_metrics(metrics)
        items = np.arange(len(self)) if indices is None else np.array(indices, int)
        if self.on_error == 'skip' and len(items) == len(results):
            paths = [self.data_infos[i]['img_info']['filename'] for i in items]
            bags = self.get_bags()[items]
            kept = readable(results, paths, bags, self.ann_file, logger)
            items, results = items[kept], [results[i] for i in kept]
        labels, bags = self.get_gt_labels()[items], self.get_bags()[items]
        scores = stack_scores(results, len(labels), self.CLASSES)
        report_absent(labels, self.CLASSES, self.ann_file, logger)
        return compute_metrics(metrics, scores, labels, bags)
