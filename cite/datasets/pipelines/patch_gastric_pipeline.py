from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
import torch
from mmcls.datasets.builder import PIPELINES
from torchvision import transforms as T

from .augmentation import Augmentation, PendingPatch
from .patch import Results, read_feature, read_patch
from .pixels import load_planes
from .quarter_turn import RandomQuarterTurn

# Of ImageNet's training images, as torchvision's models use them.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_INTERPOLATIONS = ('nearest', 'bilinear', 'bicubic', 'box', 'hamming', 'lanczos')


@PIPELINES.register_module()
class PatchGastricPipeline:
    """Read a patch, augment it in training, resize and normalise it.

    Without arguments it is the released pipeline, whose saturation factor makes images
    nearly grey and whose mean, std and interpolation are not CLIP's. Augmentation:
    brightness 0.2, saturation, hue 0.1, both flips, a random multiple of 90 degrees.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 3.

    Args:
        test_mode: no augmentation.
        size: edge of the resulting square, pixels.
        mean: of the three channels, on the scale 0 to 1; default ImageNet's. In a
            config ``'model'`` takes the backbone's; the same goes for ``std``,
            ``interpolation`` and ``size``.
        std: of the three channels, on the scale 0 to 1; default ImageNet's.
        saturation: range of the factor, or s for (1 - s, 1 + s); default (0, 0.2).
        interpolation: of the resizing; default bilinear.
        released: augment in evaluation too, as the release does. Otherwise a data set
            in test mode is never augmented, whatever ``test_mode`` says here.
        backend: ``'pillow'``, or ``'fast'``: the same image bit for bit,
            sooner, as uint8, which the classifier normalises (``cite.compat``).

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(
        self,
        test_mode: bool = False,
        size: int = 224,
        mean: Optional[Sequence[float]] = None,
        std: Optional[Sequence[float]] = None,
        saturation: Union[float, Sequence[float], None] = None,
        interpolation: Optional[str] = None,
        released: bool = False,
        backend: str = 'pillow',
    ) -> None:
        if 'model' in (size, mean, std, interpolation):
            raise ValueError(
                "mean='model' stands for the backbone's and is filled in where a data "
                'set is built from a config with a model. Give the values here.'
            )
        if backend not in ('pillow', 'fast'):
            raise ValueError(f"backend={backend!r}; known are 'pillow' and 'fast'.")
        self.backend = backend
        self.test_mode = test_mode
        self.released = released
        saturation = (0, 0.2) if saturation is None else saturation
        if not isinstance(saturation, (int, float)):
            saturation = tuple(saturation)
        resize = T.Resize(_square(size), _interpolation(interpolation or 'bilinear'))
        self.size = size
        self.interpolation = interpolation or 'bilinear'
        self._jitter = T.ColorJitter(brightness=0.2, saturation=saturation, hue=0.1)
        augment = [
            self._jitter,
            T.RandomHorizontalFlip(),
            T.RandomVerticalFlip(),
            RandomQuarterTurn(),
        ]
        mean, std = _statistics(mean, std)
        # mmcls' convention: the scale 0 to 255.
        self._norm_cfg = {
            'mean': [255 * m for m in mean],
            'std': [255 * s for s in std],
            'to_rgb': False,
        }
        normalize = [T.ToTensor(), T.Normalize(mean, std)]
        self._train = T.Compose([resize, *augment, *normalize])
        self._eval = T.Compose([resize, *normalize])

    def __call__(self, results: Results) -> Results:
        """Put the image (3, size, size), or the feature (D,), into ``img``."""
        augment = self.augments(results.get('test_mode', False))
        if results.get('feature') is not None:
            results['img'] = read_feature(results, at_random=augment)
        elif self.backend == 'fast':
            planes, how = self._planes(results), self._draw() if augment else None
            patch = PendingPatch(planes, how)
            results['img'] = patch if results.get('pending') else patch.tensor()
            results['img_norm_cfg'] = self._norm_cfg
        else:
            transform = self._train if augment else self._eval
            results['img'] = transform(read_patch(results).convert('RGB'))
        return results

    def augments(self, evaluating: bool) -> bool:
        """Tell whether images are augmented in a data set that evaluates or trains."""
        return not self.test_mode and not (evaluating and not self.released)

    def _planes(self, results: Results) -> np.ndarray:
        """Return the resized patch, (3, size, size) uint8, from the cache if there."""

        def load() -> np.ndarray:
            return load_planes(results, self.size, self.interpolation)

        cache = results.get('cache')
        return load() if cache is None else cache.fetch(results, load)

    def _draw(self) -> Augmentation:
        """Draw what ``self._train`` would, from the same random numbers."""
        jitter = self._jitter
        colours = jitter.get_params(
            jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue
        )
        flip_x, flip_y = (float(torch.rand(1)) < 0.5 for _ in range(2))
        return Augmentation(colours, flip_x, flip_y, int(torch.randint(4, ())))

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(test_mode={self.test_mode}, '
            f'released={self.released}, train={self._train})'
        )


def _square(size: int) -> tuple[int, int]:
    if not isinstance(size, int) or size < 1:
        raise ValueError(f'size={size!r}; it must be a whole number of pixels.')
    return size, size


def _interpolation(name: str) -> T.InterpolationMode:
    if name not in _INTERPOLATIONS:
        known = ', '.join(_INTERPOLATIONS)
        raise ValueError(f'interpolation={name!r}; known are {known}.')
    return T.InterpolationMode(name)


def _statistics(
    mean: Optional[Sequence[float]], std: Optional[Sequence[float]]
) -> tuple[list[float], list[float]]:
    mean = list(_MEAN if mean is None else mean)
    std = list(_STD if std is None else std)
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ValueError(
            f'mean={mean}, std={std}; each needs three numbers, std above 0.'
        )
    if max(*mean, *std) > 1:
        raise ValueError(
            f'mean={mean}, std={std}; they belong on the scale 0 to 1. Divide by 255.'
        )
    return mean, std
