import numpy as np

from .features import features
from .job import JobInputs
from .scores import Scores
from .workspace import Workspace


def nearest_mean(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Classify patches by the nearest class mean of the training slides.

    Features are centred by the training slides' mean and scaled to length one. The
    mean of a class is over its slides, with equal weights. Probabilities are the
    softmax of minus the squared distances. Nothing is tuned; the seed has no effect.

    Source: Snell et al., *Prototypical Networks for Few-shot Learning*, NeurIPS 2017,
    equation 2; Wang et al., *SimpleShot*, arXiv:1911.04623, section 3, for centring.

    Args:
        inputs: inputs of the job.
        workspace: where the method works.
    """
    train = features(inputs, workspace, 'train')
    slides, labels = train.of_slides(), train.slide_labels()
    centre = np.mean([slide.mean(0) for slide in slides], axis=0)  # (D,)
    means = np.stack([_unit(slide - centre).mean(0) for slide in slides])  # (B, D)
    classes = range(len(inputs.classes))
    prototypes = np.stack([means[labels == k].mean(0) for k in classes])  # (K, D)
    test = _unit(features(inputs, workspace, 'val').values - centre)  # (N, D)
    distances = ((test[:, None] - prototypes) ** 2).sum(2)  # (N, K)
    weights = np.exp(distances.min(1, keepdims=True) - distances)
    return Scores(patches=weights / weights.sum(1, keepdims=True))


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-8)
