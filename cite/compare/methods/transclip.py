from typing import Optional

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .class_texts import ClassTexts, check_shared_space, class_texts
from .features import Features, features
from .job import JobInputs
from .scores import Scores
from .workspace import Workspace

SETTINGS = {'neighbours': 3, 'within_slides': False}
# As in the source.
_SHARPNESS, _OUTER, _INNER = 1 / 50, 10, 5
_GAMMA = 0.02  # weight of all training slides against all test slides


def transclip(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Classify all test slides together, by Gaussians around anchored class means.

    Zero-shot without training slides, few-shot with them. **Transductive: it looks at
    the features of all test slides at once** (of one slide's patches at a time with
    ``within_slides``). The features must be in the texts' space. Seedless.

    Source: Zanella et al., *Boosting Vision-Language Models with Transduction*
    (TransCLIP), NeurIPS 2024, arXiv:2406.01837, equations 3 to 8, and *Realistic
    Test-Time Adaptation of Vision-Language Models* (StatA), CVPR 2025,
    arXiv:2501.03729, section 4, for the anchor of the means.

    Args:
        inputs: inputs of the job; the config has texts. Settings: ``neighbours`` (3),
            and ``within_slides``, which uses no training slides.
        workspace: where the method works.

    Raises:
        ValueError: the texts are embedded in another width than the images.
    """
    options, texts = inputs.settings(SETTINGS), class_texts(inputs, workspace)
    test = features(inputs, workspace, 'val').unit()
    check_shared_space(inputs, texts, test.values.shape[1])
    neighbours = options['neighbours']
    if options['within_slides']:
        scores = np.empty((len(test.values), len(inputs.classes)), np.float32)
        for slide in np.unique(test.bags):
            x = torch.from_numpy(test.values[test.bags == slide])
            scores[test.bags == slide] = adapt(x, texts, neighbours).numpy()
        return Scores(patches=scores)
    support = None
    if 'train' in inputs.files:
        train = features(inputs, workspace, 'train').unit()
        support = _means(train), torch.from_numpy(train.slide_labels())
    return Scores(slides=adapt(_means(test), texts, neighbours, support).numpy())


def _means(part: Features) -> Tensor:
    return F.normalize(torch.from_numpy(part.slide_means()).float(), dim=1)


def adapt(
    x: Tensor,
    texts: ClassTexts,
    neighbours: int,
    support: Optional[tuple[Tensor, Tensor]] = None,
) -> Tensor:
    """Return class probabilities (N, K) of unit features that are seen together.

    In turn: probabilities ``z_i ∝ ŷ_i^λ exp{1/50 (g_i + 50 / (2 n) Σ_j w_ij z_j)}``
    with g the log densities and w the cosines of neighbours, both ways, clipped at 0;
    class means, held at the texts' vectors by ``μ ← β μ + (1 - β) t`` with β = n / (n +
    1) of a class with n members; the variance of each dimension, shared by classes.

    Args:
        x: unit features, (N, D).
        texts: class texts.
        neighbours: n, neighbours of each feature.
        support: unit features (S, D) and labels (S,) that are known.
    """
    start = texts.scale * x @ texts.vectors.t()  # (N, K)
    prior = start.log_softmax(1) * (1.0 if support is None else 0.5)
    graph = _graph(x, neighbours)
    shares = x.new_full((len(x), 1), 1 / len(x))
    known, targets = x[:0], start[:0]
    if support is not None:
        known, targets = support[0], F.one_hot(support[1], start.shape[1]).float()
    everything = torch.cat([x, known])
    if len(known):
        shares = torch.cat([shares, x.new_full((len(known), 1), _GAMMA / len(known))])
    z, means = start.softmax(1), texts.vectors
    variance = x.new_full((x.shape[1],), 1 / x.shape[1])
    for _ in range(_OUTER):
        fit = _log_density(x, means, variance)  # (N, K)
        for _ in range(_INNER):
            z = (prior + _SHARPNESS * fit + graph @ z).softmax(1)
        members = torch.cat([z, targets])
        weighted = members * shares  # (N + S, K)
        means = weighted.t() @ everything / weighted.sum(0).clamp(min=1e-12)[:, None]
        number = members.sum(0)[:, None]  # (K, 1)
        held = number / (number + 1)
        means = held * means + (1 - held) * texts.vectors
        variance = _variance(everything, means, weighted)
    return z


def _log_density(x: Tensor, means: Tensor, variance: Tensor) -> Tensor:
    """Return ``-½ Σ_d (x_d - μ_kd)² / v_d``, (N, K)."""
    scaled, centres = x / variance.sqrt(), means / variance.sqrt()
    return -0.5 * torch.cdist(scaled, centres) ** 2


def _variance(x: Tensor, means: Tensor, weighted: Tensor) -> Tensor:
    """Return the mean squared distance from the class means, (D,)."""
    squares = weighted.sum(1) @ x**2 - 2 * ((weighted.t() @ x) * means).sum(0)
    squares = squares + weighted.sum(0) @ means**2
    return (squares / weighted.sum()).clamp(min=1e-6)


def _graph(x: Tensor, neighbours: int) -> Tensor:
    """Return ``w / (2 n)`` of neighbours, both ways, (N, N)."""
    number = min(neighbours, len(x) - 1)
    cosines = (x @ x.t()).clamp(min=0)
    if number < 1:
        return torch.zeros_like(cosines)
    near = cosines.clone().fill_diagonal_(-1).topk(number).indices  # (N, n)
    kept = torch.zeros_like(cosines).scatter_(1, near, 1.0)
    return cosines * (kept + kept.t()) / (2 * number)
