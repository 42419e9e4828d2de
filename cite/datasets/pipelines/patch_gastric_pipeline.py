from collections.abc import Sequence
from typing import Optional, Union

from mmcls.datasets.builder import PIPELINES
from torchvision import transforms as T

from .patch import Results, read_feature, read_patch
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
    ) -> None:
        if 'model' in (size, mean, std, interpolation):
            raise ValueError(
                "mean='model' stands for the backbone's and is filled in where a data "
                'set is built from a config with a model. Give the values here.'
            )
        self.test_mode = test_mode
        self.released = released
        saturation = (0, 0.2) if saturation is None else saturation
        if not isinstance(saturation, (int, float)):
            saturation = tuple(saturation)
        resize = T.Resize(_square(size), _interpolation(interpolation or 'bilinear'))
        augment = [
            T.ColorJitter(brightness=0.2, saturation=saturation, hue=0.1),
            T.RandomHorizontalFlip(),
            T.RandomVerticalFlip(),
            RandomQuarterTurn(),
        ]
        normalize = [T.ToTensor(), T.Normalize(*_statistics(mean, std))]
        self._train = T.Compose([resize, *augment, *normalize])
        self._eval = T.Compose([resize, *normalize])

    def __call__(self, results: Results) -> Results:
        """Put the image (3, size, size), or the feature (D,), into ``img``."""
        augment = self.augments(results.get('test_mode', False))
        if results.get('feature') is not None:
            results['img'] = read_feature(results, at_random=augment)
        else:
            transform = self._train if augment else self._eval
            results['img'] = transform(read_patch(results).convert('RGB'))
        return results

    def augments(self, evaluating: bool) -> bool:
        """Tell whether images are augmented in a data set that evaluates or trains."""
        return not self.test_mode and not (evaluating and not self.released)

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
