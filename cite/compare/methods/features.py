"""Features of the patches of a job's slides."""

from typing import NamedTuple

import numpy as np

from .feature_file import read_feature_file
from .job import JobInputs, job_config
from .scores import read_lines
from .shared_draws import shared_draws
from .workspace import Workspace


class Features(NamedTuple):
    """Features of an annotation file's patches, in its order."""

    values: np.ndarray  # (N, D) float32
    labels: np.ndarray  # (N,)
    bags: np.ndarray  # (N,) slide ids

    def of_slides(self) -> list[np.ndarray]:
        """Return the features of each slide, sorted by slide id, (n, D) each."""
        _, place = np.unique(self.bags, return_inverse=True)
        order, ends = np.argsort(place, kind='stable'), np.cumsum(np.bincount(place))
        return np.split(self.values[order], ends[:-1])

    def slide_labels(self) -> np.ndarray:
        """Return the class of each slide, sorted by slide id, (B,)."""
        _, first = np.unique(self.bags, return_index=True)
        return self.labels[first]

    def slide_means(self) -> np.ndarray:
        """Return the mean feature of each slide, sorted by slide id, (B, D) float64."""
        return np.stack([slide.mean(0, dtype=np.float64) for slide in self.of_slides()])

    def unit(self) -> 'Features':
        """Return the features scaled to length one; zero stays zero."""
        length = np.linalg.norm(self.values, axis=1, keepdims=True)
        return self._replace(values=self.values / np.maximum(length, 1e-8))

    def patch_weights(self) -> np.ndarray:
        """Return weights (N,) of sum 1, equal for classes and for slides of a class."""
        _, place, patches = np.unique(
            self.bags, return_inverse=True, return_counts=True
        )
        slides = np.bincount(self.slide_labels())  # (K,)
        return 1 / ((slides > 0).sum() * slides[self.labels] * patches[place])


def features(inputs: JobInputs, workspace: Workspace, file: str) -> Features:
    """Return the features of one of a job's annotation files.

    They are read from the files that ``features`` names. Without it, a patch's feature
    is what the head would get from the config's backbone before training, a neck left
    out; patches are as in evaluation, not augmented.

    Args:
        inputs: inputs of the job.
        workspace: where the method works; it names the folder of cached features.
        file: ``'train'`` or ``'val'``.
    """
    lines = read_lines(inputs.files[file], len(inputs.classes), inputs.slide)
    if inputs.features:
        values = read_feature_file(inputs.features, lines, inputs.files[file])
    else:
        cfg = job_config(inputs, workspace.kept.read_method)
        values = shared_draws(cfg, inputs, workspace, file, augmented=0).read(1)
    return Features(values, lines.labels, lines.slides)
