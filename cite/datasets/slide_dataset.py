import hashlib
import os.path as osp
from collections.abc import Sequence
from typing import Any, Optional, Union

import mmcv
import numpy as np
from mmcls.datasets.base_dataset import BaseDataset

from cite.core.command_line import refuse_changed
from cite.core.evaluation.eval_hooks import check_hook_settings, check_metric_options
from cite.core.evaluation.metrics import best_values, check_metrics, compute_metrics
from cite.core.evaluation.scores import stack_scores
from cite.core.files.elsewhere import looked_at
from cite.datasets.storage.unreadable import readable, report_absent
from cite.datasets.tables.class_file import PATCH_GASTRIC_CLASSES, read_class_file

from .tables.annotations import check_slide_labels, read_annotations
from .tables.slide_counts import warn_of_slides
from .tables.slide_rule import SlideRule

# PatchGastric's patches: 300 x 300 pixels of slides scanned at 20x (Tsuneki and
# Kanavati, MIDL 2022, section 3), which names about 0.5 microns per pixel.
PATCH_PIXELS, MPP = 300, 0.5


class SlideDataset(BaseDataset):
    """Patches of slides: their annotation file, and metrics over patches and slides.

    :class:`cite.datasets.PatchGastricCls3` describes the arguments and errors.
    """

    CLASSES = tuple(PATCH_GASTRIC_CLASSES)

    def __init__(
        self,
        on_error: str = 'raise',
        patch_pixels: int = PATCH_PIXELS,
        mpp: float = MPP,
        slide: str = 'prefix',
        **kwargs: Any,
    ) -> None:
        if on_error not in ('raise', 'skip'):
            raise ValueError(f"on_error={on_error!r}; it is 'raise' or 'skip'.")
        if type(patch_pixels) is not int or not 1 <= patch_pixels <= 4096:
            raise ValueError(
                f'patch_pixels={patch_pixels!r}; give the edge of a patch before any '
                f'resizing, a whole number of pixels up to 4096 (PatchGastric: '
                f'{PATCH_PIXELS}).'
            )
        if type(mpp) not in (int, float) or not 0.01 <= mpp <= 100:
            raise ValueError(
                f'mpp={mpp!r}; give the microns per pixel of the patches, 0.01 to 100 '
                f'({MPP} for a scan called 20x).'
            )
        self.on_error = on_error
        self.patch_pixels, self.mpp = patch_pixels, float(mpp)
        self.slide_rule = SlideRule(slide)
        super().__init__(**kwargs)

    @classmethod
    def get_classes(
        cls, classes: Union[str, Sequence[str], None] = None
    ) -> Sequence[str]:
        """Return the class names: given, or from a text or ``.yml`` file."""
        refuse_changed('classes', classes)
        if isinstance(classes, str) and classes.endswith(('.yml', '.yaml')):
            return list(read_class_file(osp.expanduser(classes)))
        if isinstance(classes, str):
            if not osp.isfile(osp.expanduser(classes)):
                raise FileNotFoundError(
                    f'{classes}: no such classes file.{looked_at(classes)}'
                )
            lines = mmcv.list_from_file(osp.expanduser(classes))
            return [line.strip() for line in lines if line.strip()]
        return super().get_classes(classes)

    def load_annotations(self) -> list[dict]:
        """Read the annotation file into mmcls' description of each image."""
        if self.ann_file is None:
            raise ValueError('ann_file is missing: name a file made by `cite ann`.')
        annotations = read_annotations(self.ann_file, len(self.CLASSES))
        rule, names = self.slide_rule, [line.filename for line in annotations]
        slides = rule.of_files(names, self.ann_file)
        check_slide_labels(annotations, self.ann_file, rule)
        warn_of_slides(annotations, self.ann_file, rule)
        return [
            {
                'img_prefix': None,
                'img_info': {'filename': osp.join(self.data_prefix or '', filename)},
                'gt_label': np.array(label, dtype=np.int64),
                'bag': slide,
            }
            for (filename, label), slide in zip(annotations, slides)
        ]

    def get_bags(self) -> np.ndarray:
        """Return the slide of each patch, (N,), strings."""
        return np.array([info['bag'] for info in self.data_infos])

    def filenames(self) -> list[str]:
        """Return the file names as the annotation has them, (N,)."""
        start = len(osp.join(self.data_prefix or '', ''))
        return [info['img_info']['filename'][start:] for info in self.data_infos]

    def annotation_digest(self) -> str:
        """Digest the annotation's lines, without regard to its name and line ends."""
        lines = zip(self.filenames(), self.get_gt_labels())
        text = ''.join(f'{name} {int(label)}\n' for name, label in lines)
        return hashlib.sha256(text.encode()).hexdigest()

    @staticmethod
    def check_metrics(names: Sequence[str]) -> None:
        """Raise a ValueError if one of the names is not that of a metric."""
        check_metrics(names)

    def best_values(self, metrics: Sequence[str]) -> dict[str, float]:
        """Compute what metrics of this data set give at best; NaN is undefined."""
        self.check_metrics(metrics)
        return best_values(metrics, self.get_gt_labels(), len(self.CLASSES))

    def evaluate(
        self,
        results: Sequence[np.ndarray],
        metric: Union[str, Sequence[str]] = 'mean_bag_accuracy',
        metric_options: Optional[dict] = None,
        indices: Optional[Sequence[int]] = None,
        logger: Any = None,
        **hook_settings: Any,
    ) -> dict[str, float]:
        """Compute metrics from the scores of the patches.

        Args:
            results: scores of each patch, N of (K,).
            metric: names in :data:`cite.core.evaluation.metrics.METRICS`. A tie goes to
                the lower class number.
            metric_options: mmcls passes it; our metrics have no options.
            indices: items that the results belong to, (N,); default all, in order.
            logger: where a class without patches is reported.
            **hook_settings: without effect: what a config's ``evaluation`` says to
                mmcv's hook, because mmcls' ``eval_metric`` passes all of it.

        Returns:
            Named values, percent where they are shares.

        Raises:
            TypeError: a setting that neither this method nor the hook has.
            ValueError: an unknown metric or option, or results that do not fit the
                data set.
        """
        metrics = [metric] if isinstance(metric, str) else list(metric)
        self.check_metrics(metrics)
        check_hook_settings(hook_settings)
        check_metric_options(self, metric_options)
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
