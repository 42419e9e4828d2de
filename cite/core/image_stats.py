"""How the images of a pretrained model are normalised, sized and resized."""

import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Optional, Union

from cite.core.files.weights import OPTIONS, ORIGIN, read_notes
from cite.core.messages import first_line

KEY = 'image_stats'  # in the metadata of a safetensors file
# In a pipeline step this word leaves one of ``KEYS`` to the model.
FROM_MODEL = 'model'
KEYS = ('mean', 'std', 'interpolation', 'size')
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class ImageStats:
    """The images that a model expects."""

    mean: Triple  # three channels, on the scale 0 to 1
    std: Triple  # three channels, on the same scale
    interpolation: str = 'bicubic'  # filter of the resizing, a name of PIL's
    size: int = 224  # edge of the square, pixels
    # Shorter side, pixels, to which its authors resize before they crop the square from
    # the centre; 0 if they do not crop.
    resized: int = 0

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> 'ImageStats':
        """Make it from the values of a config or a file.

        Raises:
            ValueError: mean or std is missing or not three numbers, a deviation is not
                above 0, or there is another key.
        """
        try:
            stats = cls(**values)
            mean, std = (tuple(map(float, v)) for v in (stats.mean, stats.std))
            plain = all(map(math.isfinite, [*mean, *std])) and min(std) > 0
            if plain and max(map(abs, mean)) > 1:
                raise ValueError('a mean above 1: the scale is 0 to 1, not 0 to 255')
            if (len(mean), len(std)) != (3, 3) or not plain:
                raise ValueError('not three numbers, or a deviation of 0')
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f'image_stats={str(dict(values))[:200]}: give mean and std, three '
                'numbers each on the scale 0 to 1, and interpolation and size unless '
                'bicubic and 224.'
            ) from error
        return replace(stats, mean=mean, std=std)  # type: ignore[arg-type]

    def metadata(self) -> dict[str, str]:
        """Return the metadata that a safetensors file holds."""
        values = asdict(self)
        if not self.resized:  # earlier versions do not know it
            del values['resized']
        return {KEY: json.dumps(values)}

    def crop_note(self) -> str:
        """Tell how the authors' own images differ, because no step here crops."""
        if self.resized in (0, self.size):
            return ''
        return (
            "The model's authors resize the shorter side of an image to "
            f'{self.resized} pixels and crop {self.size} from the centre. Here the '
            'whole patch is resized to the square, so that the model sees it at '
            f'{self.size / self.resized:.0%} of their magnification '
            '(docs/MODEL_ZOO.md).'
        )


IMAGENET = ImageStats((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# torchvision's Resize is bilinear unless it is told otherwise.
IMAGENET_BILINEAR = replace(IMAGENET, interpolation='bilinear')
HALF = ImageStats((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
OPENAI_CLIP = ImageStats(
    (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
)
# What earlier converters noted wrongly, by the origin of a file. REMEDIS's graph turns
# pixels x into 2x - 1 before the first variable.
_EARLIER: dict[str, dict[str, Any]] = {
    'BiT (TensorFlow)': {'mean': HALF.mean, 'std': HALF.std},
    'CTransPath': {'interpolation': 'bilinear'},
    'augreg': {'interpolation': 'bilinear'},
    'MoCo v3': {'interpolation': 'bilinear'},
}


def read_image_stats(path: Union[str, Path, None]) -> Optional[ImageStats]:
    """Return what a safetensors file states about its images; None if it does not.

    A warning names what an earlier converter noted wrongly; the right value is used.
    """
    notes = read_notes(path)
    if not notes.get(KEY):
        return None
    try:
        stats = ImageStats.of(json.loads(notes[KEY]))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f'{path}: its note {KEY}: {first_line(error)}') from error
    right = _EARLIER.get(notes.get(ORIGIN, ''), {})
    if OPTIONS in notes or all(getattr(stats, k) == v for k, v in right.items()):
        return stats
    warnings.warn(
        f'{path} was converted by an earlier version, whose note about the images was '
        f'wrong. They get {right}, as its authors do it, so features differ from those '
        'of that version. Convert the published file again to be rid of this warning.',
        stacklevel=2,
    )
    return replace(stats, **right)


def unknown_stats(backbone: Mapping[str, Any], reason: str) -> ValueError:
    """Return the error for a backbone whose images nothing describes."""
    name = backbone.get('model_name') or backbone.get('arch') or ''
    return ValueError(
        f'how images of {backbone.get("type")} {name} are normalised is not known: '
        f'{reason}. For weights of your own, ask who trained them, and put '
        'image_stats=dict(mean=[…], std=[…]) into model.backbone (`cite new` has '
        '--image-stats). For a published file, `cite convert` writes them into it.'
    )
