"""How the images of a pretrained model are normalised, sized and resized."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional, Union

from safetensors import SafetensorError, safe_open

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

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> 'ImageStats':
        """Make it from the values of a config or a file.

        Raises:
            ValueError: mean or std is missing, or there is another key.
        """
        try:
            stats = cls(**values)
            mean, std = (tuple(map(float, v)) for v in (stats.mean, stats.std))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f'image_stats={dict(values)}: give mean and std, three numbers each, '
                'and interpolation and size if they are not bicubic and 224.'
            ) from error
        return cls(mean, std, stats.interpolation, stats.size)  # type: ignore[arg-type]

    def metadata(self) -> dict[str, str]:
        """Return the metadata that a safetensors file holds."""
        return {KEY: json.dumps(asdict(self))}


IMAGENET = ImageStats((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ImageStats((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
UNIT = ImageStats((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # pixels from 0 to 1 as they are
OPENAI_CLIP = ImageStats(
    (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
)


def read_image_stats(path: Union[str, Path, None]) -> Optional[ImageStats]:
    """Return what a safetensors file states about its images; None if it does not."""
    file = Path(path or '').expanduser()
    if file.suffix != '.safetensors' or not file.is_file():
        return None
    try:
        with safe_open(str(file), 'pt') as tensors:
            stated = (tensors.metadata() or {}).get(KEY)
    except SafetensorError:  # the backbone will report what is wrong with the file
        return None
    return ImageStats.of(json.loads(stated)) if stated else None


def unknown_stats(backbone: Mapping[str, Any], reason: str) -> ValueError:
    """Return the error for a backbone whose images nothing describes."""
    name = backbone.get('model_name') or backbone.get('arch') or ''
    return ValueError(
        f'how images of {backbone.get("type")} {name} are normalised is not known: '
        f'{reason}. Or put image_stats=dict(mean=[…], std=[…]) into model.backbone, or '
        'convert its checkpoint with `cite convert`, which writes them into the file.'
    )
