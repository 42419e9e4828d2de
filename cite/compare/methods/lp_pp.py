import torch
from torch import Tensor
from torch.nn import functional as F

from .class_texts import check_shared_space, class_texts
from .features import features
from .job import JobInputs
from .scores import Scores
from .workspace import Workspace

SETTINGS = {'steps': 300}
# As in the source.
_MOMENTUM, _ALPHA_EVERY, _ALPHA_START = 0.9, 10, 250


def lp_pp(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Train a linear classifier together with how much each class's text counts.

    A patch's logit of class k is ``w_k · f + b_k + alpha_k t_k · f``. Starts and rates
    follow from the features, so that nothing is tuned: N slides, patches with shares
    p_i of sum 1, ::

        w⁰_k = N Σ_{i in k} p_i f_i      alpha⁰ = 250 / K Σ_k mean_{i in k} f_i · t_k
        η_w = 4 / λ_max(Σ p_i f_i f_iᵀ)  η_alpha = 1 / (4 max_k Σ_i p_i (f_i · t_k)²)

    With p_i = 1 / N these are the source's; here slides count alike, and classes do.
    The bias is a feature of value 1. Seedless. The features must be in the texts'
    space.

    Source: Huang et al., *LP++: A Surprisingly Strong Linear Probe for Few-Shot CLIP*,
    CVPR 2024, arXiv:2404.02285, sections 3 and 4.

    Args:
        inputs: inputs of the job; the config has texts. Setting: ``steps`` (300).
        workspace: where the method works.

    Raises:
        ValueError: the texts are embedded in another width than the images.
    """
    texts = class_texts(inputs, workspace)
    train, test = (features(inputs, workspace, f).unit() for f in ('train', 'val'))
    check_shared_space(inputs, texts, train.values.shape[1])
    weights, alpha, losses = descend(
        with_bias(torch.from_numpy(train.values)),
        torch.from_numpy(train.values) @ texts.vectors.t(),
        torch.from_numpy(train.labels),
        torch.from_numpy(train.patch_weights()).float(),
        slides=len(train.slide_labels()),
        **inputs.settings(SETTINGS),
    )
    workspace.record_losses(losses)
    x = torch.from_numpy(test.values)
    logits = with_bias(x) @ weights.t() + alpha * (x @ texts.vectors.t())
    return Scores(patches=logits.softmax(1).numpy())


def with_bias(x: Tensor) -> Tensor:
    """Append a feature of value 1 to features (N, D)."""
    return torch.cat([x, x.new_ones(len(x), 1)], 1)


def descend(
    x: Tensor, cosines: Tensor, labels: Tensor, shares: Tensor, slides: int, steps: int
) -> tuple[Tensor, Tensor, list[float]]:
    """Return the weights (K, D + 1), bias last, alpha (K,) and the loss of each step.

    Args:
        x: unit features and a 1, (N, D + 1).
        cosines: of the features with the class texts, (N, K).
        labels: (N,).
        shares: weight of each patch in the loss, (N,), of sum 1.
        slides: number of slides.
        steps: full-batch steps; alpha moves at every tenth.
    """
    targets = F.one_hot(labels, cosines.shape[1]).float()  # (N, K)
    members = targets * shares[:, None]
    weights = slides * members.t() @ x  # (K, D + 1)
    weights[:, -1] = 0
    own = (members * cosines).sum(0) / members.sum(0).clamp(min=1e-12)  # (K,)
    alpha = (_ALPHA_START * own.mean()).expand(len(own)).clone()
    second = (x * shares[:, None]).t() @ x  # (D + 1, D + 1)
    rate = 4 / torch.linalg.eigvalsh(second)[-1]
    alpha_rate = 1 / (4 * (shares @ cosines**2).max())
    moved, losses = torch.zeros_like(weights), []
    for step in range(1, steps + 1):
        logits = x @ weights.t() + alpha * cosines
        losses.append(-(members * logits.log_softmax(1)).sum().item())
        wrong = (logits.softmax(1) - targets).mul_(shares[:, None])
        moved = _MOMENTUM * moved + wrong.t() @ x
        if step % _ALPHA_EVERY == 0:
            alpha = alpha - alpha_rate * (wrong * cosines).sum(0)
        weights = weights - rate * moved
    return weights, alpha, losses
