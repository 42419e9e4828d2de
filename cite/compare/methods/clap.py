import math

import torch
from torch import Tensor
from torch.nn import functional as F

from .class_texts import check_shared_space, class_texts
from .features import features
from .job import JobInputs
from .scores import Scores
from .workspace import Workspace

# As in the source; `constraint` multiplies its penalty.
SETTINGS = {'steps': 300, 'lr': 0.1, 'constraint': 1.0}
_MOMENTUM = 0.9


def clap(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Train a linear classifier that starts as the zero-shot one and is held near it.

    Class weights w start as the unit vectors t of the class texts and minimise ::

        CE(s norm(w_k) · f_i) + (1 / K) Σ_k λ_k ‖w_k - t_k‖²

    λ_k is the mean zero-shot probability of class k on its training patches: where the
    texts do well, the weights stay near them. Slides count alike, and classes do. The
    features must be in the texts' space, as CLIP's are. Seedless.

    Source: Silva-Rodríguez et al., *A Closer Look at the Few-Shot Adaptation of Large
    Vision-Language Models*, CVPR 2024, arXiv:2312.12730, equations 5 to 8.

    Args:
        inputs: inputs of the job; the config has texts, as a zero-shot one. Settings:
            ``steps`` (300), ``lr`` (0.1), and ``constraint``, which multiplies λ; at 0
            it is the source's ZS-LP.
        workspace: where the method works.

    Raises:
        ValueError: the texts are embedded in another width than the images.
    """
    options = inputs.settings(SETTINGS)
    texts = class_texts(inputs, workspace)
    train, test = (features(inputs, workspace, f).unit() for f in ('train', 'val'))
    check_shared_space(inputs, texts, train.values.shape[1])
    weights, losses = descend(
        torch.from_numpy(train.values),
        torch.from_numpy(train.labels),
        torch.from_numpy(train.patch_weights()).float(),
        texts.vectors,
        texts.scale,
        **options,
    )
    workspace.record_losses(losses)
    cosines = torch.from_numpy(test.values) @ F.normalize(weights, dim=1).t()
    return Scores(patches=(texts.scale * cosines).softmax(1).numpy())


def descend(
    x: Tensor,
    labels: Tensor,
    shares: Tensor,
    texts: Tensor,
    scale: float,
    steps: int,
    lr: float,
    constraint: float,
) -> tuple[Tensor, list[float]]:
    """Return the class weights (K, D) and each step's loss, its penalty left out.

    Full batches, and a rate that falls along a cosine.

    Args:
        x: unit features (N, D).
        labels: (N,).
        shares: weight of each patch in the loss, (N,), of sum 1.
        texts: unit vectors of the class texts, (K, D).
        scale: factor of the cosine.
        steps: number of steps.
        lr: rate of the first step.
        constraint: factor of λ.
    """
    own = (scale * x @ texts.t()).softmax(1).gather(1, labels[:, None])[:, 0]  # (N,)
    members = F.one_hot(labels, len(texts)).float() * shares[:, None]  # (N, K)
    penalty = constraint * (own @ members) / members.sum(0).clamp(min=1e-12)  # (K,)
    weights = texts.clone().requires_grad_(True)
    optimizer = torch.optim.SGD([weights], lr=lr, momentum=_MOMENTUM)
    losses = []
    for step in range(steps):
        optimizer.param_groups[0]['lr'] = (
            lr * (1 + math.cos(math.pi * step / steps)) / 2
        )
        optimizer.zero_grad()
        logits = scale * x @ F.normalize(weights, dim=1).t()
        loss = (shares * F.cross_entropy(logits, labels, reduction='none')).sum()
        drift = ((weights - texts) ** 2).sum(1)  # (K,)
        (loss + (penalty * drift).mean()).backward()
        optimizer.step()
        losses.append(loss.item())
    return weights.detach(), losses
