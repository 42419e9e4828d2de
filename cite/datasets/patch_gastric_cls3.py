from typing import Any, Optional, Union

from mmcls.datasets.builder import DATASETS

from cite.core.image_stats import ImageStats
from cite.core.seeding import SEEDINGS, random_state
from cite.datasets.pipelines.augmentation import passes_images
from cite.datasets.pipelines.patch import filename_of, read_patch, to_array
from cite.datasets.pipelines.patch_gastric_pipeline import PatchGastricPipeline
from cite.datasets.storage.feature_note import check_note
from cite.datasets.storage.features import FeatureDraws, feature_draw
from cite.datasets.storage.patch_cache import cache_limit, open_store
from cite.datasets.storage.unreadable import ERRORS, Unreadable

from .samplers import Draw
from .slide_dataset import SlideDataset


@DATASETS.register_module()
class PatchGastricCls3(SlideDataset):
    """Patches of slides with one class per slide; by default PatchGastric's three.

    A patch belongs to the slide that its file name starts with, up to the first ``_``,
    unless ``slide`` says otherwise. In training :class:`BalancedSampler` draws patches,
    see ``sampler_cfg``.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 3.

    Example::

        dict(
            type='PatchGastricCls3',
            data_prefix='data/patches_captions/',
            ann_file='data/gastric_cls3_ann/train_all_0.2.txt',
            patch_balance=True,
        )

    Args:
        patient_level: accepted for old configs; without effect.
        slide_balance: draw classes in rotation, within a class its slides in rotation,
            within a slide its patches.
        patch_balance: draw classes in rotation, within a class all its patches alike.
        feature_file: prefix of files to read features from instead of images:
            ``{feature_file}_{i}.npy`` for i from 1 to ``num_aug`` hold augmented draws,
            (lines, D) each, in the order of the annotation file. Training picks one at
            random, evaluation takes the first.
        num_aug: number of feature files; needed with ``feature_file``.
        cache: memory for decoded patches in training, shared by the workers: ``'auto'``
            (a quarter of what is free), ``'4GB'`` or the like, ``'off'``. It needs a
            pipeline with ``backend='fast'``.
        packed: file of ``cite pack`` to read the patches from, instead of their own
            files. It needs a pipeline with ``backend='fast'``.
        on_error: ``'raise'`` for an image that cannot be read, or ``'skip'`` it: in
            training another of its class replaces it, and the run reports how many;
            evaluation leaves it out of the metrics with a warning.
        seeding: how a run's seed becomes its augmentation: ``'v2'``, or ``'v1'`` as
            before there was a choice. A run that is resumed keeps its own.
        feature_digest: digest of the frozen backbone that the features must come from,
            which ``cite extract`` writes; None takes any.
        patch_pixels: edge of the patches as they are on the disk, pixels; 300 in
            PatchGastric. It and ``mpp`` change nothing in training: ``cite export``
            writes them into the model, so that slides are cut into such patches.
        mpp: microns per pixel of the patches; 0.5 in PatchGastric (20x).
        slide: which slide a patch belongs to: ``'prefix'``, ``'folder'``, a regular
            expression with one group, or ``'column:NAME of TABLE.csv'``, as
            :class:`cite.datasets.tables.slide_rule.SlideRule` explains.
        **kwargs: arguments of mmcls' ``BaseDataset``. ``classes`` may also name a
            classes file (``.yml``).

    Raises:
        ValueError: both balances at once, a faulty annotation, classes or feature file,
            or a step after one with ``augment_on='model'`` that changes images.
        FileNotFoundError: one of these files is missing.
    """

    # True where batches augment their images: see cite.datasets.builder.
    pending = False

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
        seeding: str = SEEDINGS[-1],
        **kwargs: Any,
    ) -> None:
        if slide_balance and patch_balance:
            raise ValueError(
                'slide_balance and patch_balance exclude each other. Choose one.'
            )
        if seeding not in SEEDINGS:
            raise ValueError(f'seeding={seeding!r}; known are {", ".join(SEEDINGS)}.')
        self.seeding = None if feature_file else seeding
        self.patient_level = patient_level
        self.balance = 'slide' if slide_balance else 'patch' if patch_balance else None
        super().__init__(on_error=on_error, **kwargs)
        limit = cache_limit(cache)
        # Evaluation reads each patch once: it gains nothing from a cache.
        self._store = (packed, 0 if self.test_mode else limit)
        self.cache = open_store(self, *self._store)
        self._passes_images = passes_images(self.pipeline.transforms)
        self._check_steps()
        labels = self.get_gt_labels()
        self.unreadable = Unreadable(labels) if on_error == 'skip' else None
        self.features = None
        if feature_file is not None:
            self.features = FeatureDraws(feature_file, num_aug, len(self))
            lines, ann_file = self.annotation_digest(), str(self.ann_file)
            check_note(feature_file, lines, ann_file, feature_digest)

    def _check_steps(self) -> None:
        """Refuse steps that would meet images before their augmentation."""
        waits = [getattr(s, 'augment_on', '') for s in self.pipeline.transforms]
        if 'model' in waits and not self._passes_images:
            raise ValueError(
                "augment_on='model' augments after the whole pipeline, so no step may "
                "change images after PatchGastricPipeline. Write augment_on='workers'."
            )

    @property
    def from_model(self) -> tuple[str, ...]:
        """What the pipeline leaves to the model: ``'mean'``, ``'std'`` and so on."""
        steps = self.pipeline.transforms
        return tuple(key for s in steps for key in getattr(s, 'from_model', ()))

    def settle_images(self, stats: ImageStats) -> None:
        """Give the pipeline what it leaves to the model; see ``cite.models``."""
        steps = [s for s in self.pipeline.transforms if hasattr(s, 'settle_images')]
        changes = [step.settle_images(stats) for step in steps]
        # The second is a call after one that could not open the packed file.
        if any(changes) or (self.cache is None and self._store[0]):
            self.cache = open_store(self, *self._store)

    @property
    def image_bytes(self) -> int:
        """Bytes of an image that :func:`.builder.collate` augments, or 0.

        It is 0, too, while the size is left to a model that is not known yet.
        """
        steps = self.pipeline.transforms
        if not self._passes_images or getattr(steps[0], 'backend', None) != 'fast':
            return 0
        if 'size' in steps[0].from_model and not steps[0].is_settled:
            return 0
        return 3 * steps[0].size ** 2

    @property
    def sampler_cfg(self) -> Optional[dict]:
        """Config of the sampler that draws from this data set; None in evaluation."""
        if self.test_mode:
            return None
        return {'type': 'BalancedSampler', 'balance': self.balance}

    def prepare_data(self, idx: int) -> dict:
        """Run the pipeline on an item.

        A :class:`Draw` is augmented as its seed and k say, another index at random.
        """
        if not isinstance(idx, Draw) or self._needs_no_state():
            return self._run_pipeline(idx)
        with random_state(idx.seed, idx.k):
            return self._run_pipeline(idx)

    def _needs_no_state(self) -> bool:
        """Tell whether nothing in the pipeline takes the libraries' random numbers."""
        first = [type(step) for step in self.pipeline.transforms[:1]]
        ours = first == [PatchGastricPipeline] and self._passes_images
        return ours and self.seeding == 'v2'

    def _run_pipeline(self, idx: int) -> dict:
        try:
            return self._load(idx)
        except ERRORS as error:
            fault = self._located(error, idx)
            if self.unreadable is None:
                raise fault from error

        def load(other: int) -> dict:
            if isinstance(idx, Draw):  # the same draw of another patch
                other = Draw(other, idx.k, idx.seed)
            return self._load(other)

        try:
            return self.unreadable.replace(idx % len(self), load, self.test_mode)
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
            'draw': idx if self.seeding == 'v2' and isinstance(idx, Draw) else None,
            'pending': self.pending
            and self._passes_images
            and (self.test_mode or isinstance(idx, Draw)),
        }
        steps = self.pipeline.transforms
        # mmcls' vis_pipeline takes all steps out and applies them itself, to an array.
        results['as_array'] = not any(hasattr(step, 'augments') for step in steps)
        if not steps:
            results['filename'] = filename_of(results)
            results['img'] = to_array(read_patch(results))
            return results
        if self.features is not None:
            results['feature'] = self.features[idx]
            if isinstance(idx, Draw):
                num_aug = len(self.features)
                results['feature_draw'] = feature_draw(idx.seed, idx.k, num_aug)
        return self.pipeline(results)

    def _located(self, error: Exception, idx: int) -> Exception:
        kind = FileNotFoundError if isinstance(error, OSError) else type(error)
        return kind(
            f'{error} It is listed in {self.ann_file}:{idx % len(self) + 1}. Restore '
            'the file (data_prefix is the folder it is looked for in), or delete the '
            'line.'
        )
