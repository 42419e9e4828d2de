import warnings
from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
from mmcls.datasets.builder import PIPELINES
from PIL import Image
from torchvision import transforms as T

from cite.core.image_stats import FROM_MODEL, IMAGENET, KEYS, ImageStats
from cite.core.resize import Scratch
from cite.core.tensor_augmentation import AUGMENTATION

from .augmentation import (
    Augmentation,
    Augmenter,
    PendingPatch,
    RandomQuarterTurn,
    augment_image,
)
from .patch import Results, filename_of, read_feature, read_patch, to_array
from .pixels import load_planes

_INTERPOLATIONS = ('nearest', 'bilinear', 'bicubic', 'box', 'hamming', 'lanczos')
_DEFAULTS = ImageStats(IMAGENET.mean, IMAGENET.std, 'bilinear', 224)


@PIPELINES.register_module()
class PatchGastricPipeline:
    """Read a patch, augment it in training, resize and normalise it.

    Without arguments it is the released pipeline, whose saturation factor makes images
    nearly grey and whose mean, std and interpolation are not CLIP's. Augmentation:
    brightness 0.2, saturation, hue 0.1, both flips, a random multiple of 90 degrees.

    ``'model'`` for mean, std, interpolation or size leaves it to the model:
    :func:`cite.models.image_stats.settle_images` fills it in, which training, testing
    and our commands call.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 3.

    Example::

        dict(
            type='PatchGastricPipeline',
            mean='model', std='model', interpolation='model',
            saturation=[0.8, 1.2], backend='fast',
        )

    Args:
        test_mode: no augmentation.
        size: edge of the resulting square, pixels, or ``'model'``.
        mean: three channels' mean, scale 0 to 1, or ``'model'``; default ImageNet's.
        std: their standard deviation, with the same choices.
        saturation: range of the factor, or s for (1 - s, 1 + s); default (0, 0.2).
        interpolation: filter of the resizing, or ``'model'``; default bilinear.
        released: augment in evaluation too, as the release does. Otherwise a data set
            in test mode is never augmented, even with ``test_mode=False`` here.
        backend: ``'pillow'``, or ``'fast'``: the same image bit for bit, sooner, as
            uint8, which the classifier normalises
            (:class:`cite.models.classifiers.ImageClassifier`); or ``'array'``: before
            it is normalised, as mmcls' tools show images, (size, size, 3), BGR, uint8.
        augment_on: ``'workers'``, or ``'model'``: where the model is, for a GPU that
            waits for its workers; the same bytes. It needs ``backend='fast'``.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(
        self,
        test_mode: bool = False,
        size: Union[int, str] = 224,
        mean: Union[Sequence[float], str, None] = None,
        std: Union[Sequence[float], str, None] = None,
        saturation: Union[float, Sequence[float], None] = None,
        interpolation: Optional[str] = None,
        released: bool = False,
        backend: str = 'pillow',
        augment_on: str = 'workers',
    ) -> None:
        if backend not in ('pillow', 'fast', 'array'):
            raise ValueError(
                f"backend={backend!r}; known are 'pillow', 'fast' and 'array'."
            )
        if augment_on not in ('workers', *(['model'] if backend == 'fast' else [])):
            raise ValueError(
                f"augment_on={augment_on!r}; it is 'workers', or, with backend='fast', "
                "'model'."
            )
        self.backend = backend
        self.augment_on = augment_on
        self.test_mode = test_mode
        self.released = released
        saturation = (0, 0.2) if saturation is None else saturation
        if not isinstance(saturation, (int, float)):
            saturation = tuple(saturation)
        self._jitter = T.ColorJitter(brightness=0.2, saturation=saturation, hue=0.1)
        self._augmenter = Augmenter(self._jitter)
        self._scratch = Scratch()
        arguments = {
            'mean': mean,
            'std': std,
            'interpolation': interpolation,
            'size': size,
        }
        self.from_model = tuple(key for key in KEYS if _is_open(arguments[key]))
        # Defaults replace what is open, so that the others are checked at once.
        self._prepare(
            **{
                key: getattr(_DEFAULTS, key) if v is None or _is_open(v) else v
                for key, v in arguments.items()
            }
        )
        self.is_settled = not self.from_model

    def settle_images(self, stats: ImageStats) -> bool:
        """Fill in what is left to the model, and tell whether this changes images."""
        values = {key: getattr(stats, key) for key in self.from_model}
        if self.is_settled and all(self._values[k] == v for k, v in values.items()):
            return False
        self._prepare(**{**self._values, **values})
        self.is_settled = True
        return True

    def _require_settled(self) -> None:
        """Refuse to work while something is left to a model that is not known."""
        if not self.is_settled:
            raise ValueError(
                f"{type(self).__name__} has {', '.join(self.from_model)}='model', and "
                'the data set has met no model yet. Call cite.models.image_stats.'
                'settle_images(dataset, model) before the first item, as training and '
                'testing do, or give the pipeline the values.'
            )

    @property
    def size(self) -> int:
        """Edge of the resulting square, pixels."""
        if 'size' in self.from_model:
            self._require_settled()
        return self._values['size']

    @property
    def interpolation(self) -> str:
        """Filter of the resizing, in Pillow's names."""
        self._require_settled()
        return self._values['interpolation']

    def _prepare(self, **values: Any) -> None:
        """Build the transforms from mean, std, interpolation and size."""
        mean, std = _statistics(values['mean'], values['std'])
        self._values = values
        # mmcls' convention: the scale 0 to 255.
        self._norm_cfg = {
            'mean': [255 * m for m in mean],
            'std': [255 * s for s in std],
            'to_rgb': False,
        }
        interpolation = _interpolation(values['interpolation'])
        self._resize = T.Resize(_square(values['size']), interpolation)
        flips = [T.RandomHorizontalFlip(), T.RandomVerticalFlip()]
        self._augment = T.Compose([self._jitter, *flips, RandomQuarterTurn()])
        self._normalize = T.Compose([T.ToTensor(), T.Normalize(mean, std)])

    def __call__(self, results: Results) -> Results:
        """Put the image (3, size, size), or the feature (D,), into ``img``."""
        results['filename'] = filename_of(results)
        augment = self.augments(results.get('test_mode', False))
        if results.get('feature') is not None:
            results['img'] = read_feature(results, at_random=augment)
            return results
        if results.get('as_array') or self.backend == 'array':
            results['img'] = self._array(results, augment)
            return results
        self._require_settled()
        if self.backend == 'fast':
            planes = self._planes(results)  # which may fail, before numbers are drawn
            augmentation = self._draw(results) if augment else None
            norm_cfg = self._norm_cfg
            if self.augment_on == 'model':
                norm_cfg, augmentation = {**norm_cfg, AUGMENTATION: augmentation}, None
            results['img_norm_cfg'] = norm_cfg
            patch = PendingPatch(planes, augmentation, self._scratch)
            results['img'] = patch if results.get('pending') else patch.tensor()
        else:
            results['img'] = self._normalize(self._image(results, augment))
        return results

    def _array(self, results: Results, augment: bool) -> np.ndarray:
        """Return the image before its normalisation, (size, size, 3), BGR, uint8."""
        unknown = {'size', 'interpolation'} & {*self.from_model}
        if unknown and not self.is_settled:
            warnings.warn(
                f'the model decides {sorted(unknown)}, and there is none here: the '
                f'images shown have {self._values["size"]} pixels a side.',
                stacklevel=2,
            )
        return to_array(self._image(results, augment))

    def _image(self, results: Results, augment: bool) -> Image.Image:
        """Return the image before its normalisation, (size, size) pixels, by Pillow."""
        image = self._resize(read_patch(results))
        if not augment:
            return image
        if results.get('draw') is None:
            return self._augment(image)
        return augment_image(image, self._draw(results))

    def describe(self) -> dict[str, Any]:
        """Return mean, std, interpolation, size and backend, as plain data."""
        self._require_settled()
        values = self._values
        return {
            'mean': list(values['mean']),
            'std': list(values['std']),
            'interpolation': values['interpolation'],
            'size': values['size'],
            'backend': self.backend,
        }

    def augments(self, evaluating: bool) -> bool:
        """Tell whether images are augmented in a data set that evaluates or trains."""
        return not self.test_mode and not (evaluating and not self.released)

    def _planes(self, results: Results) -> np.ndarray:
        """Return the resized patch, (3, size, size) uint8, from the cache if it can."""

        def load() -> np.ndarray:
            size, interpolation = self._values['size'], self._values['interpolation']
            return load_planes(results, size, interpolation, self._scratch)

        cache = results.get('cache')
        return load() if cache is None else cache.fetch(results, load)

    def _draw(self, results: Results) -> Augmentation:
        """Return the augmentation of the run's draw, or else a random one."""
        draw = results.get('draw')
        return self._augmenter.at_random() if draw is None else self._augmenter.of(draw)

    def __repr__(self) -> str:
        waiting = '' if self.is_settled else f'from_model={self.from_model}, '
        steps = [self._resize, *self._augment.transforms, *self._normalize.transforms]
        return (
            f'{type(self).__name__}({waiting}test_mode={self.test_mode}, '
            f'released={self.released}, train={T.Compose(steps)})'
        )


def _is_open(value: Any) -> bool:
    return isinstance(value, str) and value == FROM_MODEL


def _square(size: Any) -> tuple[int, int]:
    if not isinstance(size, int) or size < 1:
        raise ValueError(f'size={size!r}; it must be a whole number of pixels.')
    return size, size


def _interpolation(name: str) -> T.InterpolationMode:
    if name not in _INTERPOLATIONS:
        known = ', '.join(_INTERPOLATIONS)
        raise ValueError(f'interpolation={name!r}; known are {known}.')
    return T.InterpolationMode(name)


def _statistics(
    mean: Sequence[float], std: Sequence[float]
) -> tuple[list[float], list[float]]:
    mean, std = list(mean), list(std)
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ValueError(
            f'mean={mean}, std={std}; each needs three numbers, std above 0.'
        )
    if max(*mean, *std) > 1:
        raise ValueError(
            f'mean={mean}, std={std}; they belong on the scale 0 to 1. Divide by 255.'
        )
    return mean, std
