import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from torch import Tensor

from cite.core.evaluation.conformal import Calibration
from cite.core.image_stats import ImageStats

from .training_features import TrainingFeatures


@dataclass(frozen=True)
class ExportedModel:
    """What a model folder holds, read and checked; nothing of it is built yet.

    Args:
        folder: the folder.
        config: content of its config.json.
        tensors: what was trained, by the names of the state dict.
        digest: SHA-256 over config.json and the weights, hexadecimal.
        training_features: summary of training tiles' features, if it has one.
    """

    folder: Path
    config: dict[str, Any]
    tensors: dict[str, Tensor]
    digest: str
    training_features: Optional[TrainingFeatures] = None

    @property
    def classes(self) -> list[str]:
        """Names of the K classes."""
        return self.config['classes']

    @property
    def texts(self) -> Optional[list[Any]]:
        """Descriptions of the K classes, a text or several each; None without texts."""
        return self.config['texts']

    @property
    def patch_pixels(self) -> int:
        """Edge of a training patch, pixels."""
        return self.config['patch_pixels']

    @property
    def mpp(self) -> float:
        """Microns per pixel of the training patches."""
        return float(self.config['mpp'])

    @property
    def image_stats(self) -> Optional[ImageStats]:
        """How images are normalised and resized; None for a model of features."""
        image = self.config['image']
        if image is None:
            return None
        keys = ('mean', 'std', 'interpolation', 'size')
        return ImageStats.of({key: image[key] for key in keys})

    @property
    def calibration(self) -> Optional[Calibration]:
        """What ``cite calibrate`` found; None before."""
        values = self.config['calibration']
        return None if values is None else Calibration(**values)

    @property
    def training_slides(self) -> frozenset[str]:
        """SHA-256 of the ids and quickhashes of the training slides."""
        training = self.config['training']
        return frozenset([*training['slides'], *training['quickhashes']])

    def knows(self, slide: str, quickhash: Optional[str] = None) -> bool:
        """Tell whether a slide is one of the training slides.

        Args:
            slide: id of the slide.
            quickhash: OpenSlide's quickhash of its file, if known.
        """
        names = [slide, *([quickhash] if quickhash else [])]
        return any(hashed(name) in self.training_slides for name in names)

    def knows_patient(self, patient: str) -> bool:
        """Tell whether a patient is one of those of the training slides."""
        return hashed(patient) in self.config['training']['patients']


def hashed(name: str) -> str:
    """Return the SHA-256 of a name, hexadecimal."""
    return hashlib.sha256(str(name).encode()).hexdigest()
