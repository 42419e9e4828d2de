"""How the images of a pretrained model were normalised, sized and resized."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional, Union

from safetensors import SafetensorError, safe_open

# Under which a safetensors file says it, in its metadata.
KEY = 'image_stats'
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class ImageStats:
    """What a model expects of its images.

    Args:
        mean: of the three channels, on the scale 0 to 1.
        std: of the three channels, on the scale 0 to 1.
        interpolation: of the resizing, in PIL's names.
        size: edge of the square, pixels.
    """

    mean: Triple
    std: Triple
    interpolation: str = 'bicubic'
    size: int = 224

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> 'ImageStats':
        """Make it of a config's or a file's values.

        Raises:
            ValueError: mean or std is missing, or there is more than the four.
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
        """Return it as metadata of a safetensors file."""
        return {KEY: json.dumps(asdict(self))}


IMAGENET = ImageStats((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ImageStats((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
UNIT = ImageStats((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # pixels from 0 to 1 as they are
OPENAI_CLIP = ImageStats(
    (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
)


def read_image_stats(path: Union[str, Path, None]) -> Optional[ImageStats]:
    """Return what a safetensors file says of its images; None if it does not."""
    if path is None or not str(path).endswith('.safetensors'):
        return None
    file = Path(path).expanduser()
    if not file.is_file():
        return None
    try:
        with safe_open(str(file), 'pt') as tensors:
            found = (tensors.metadata() or {}).get(KEY)
    except SafetensorError:  # the backbone will say what is wrong with the file
        return None
    return ImageStats.of(json.loads(found)) if found else None
