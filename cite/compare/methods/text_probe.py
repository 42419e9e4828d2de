import torch
from mmcls.models import build_head
from torch import Tensor
from torch.nn import functional as F

from .controls import replace_texts
from .features import features
from .job import JobInputs, job_config
from .losses import record_losses
from .scores import Scores
from .workspace import Workspace

STEPS = 300
LR = 0.03  # as CITE's


def text_probe(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Train a linear classifier that starts as the zero-shot one.

    Its weights are the class texts' embeddings; logits are the scaled product with unit
    features. Gradient descent is on all training patches at once, with equal weights of
    the classes. The features must be in the texts' space, as CLIP's are.

    Source: Li et al., *ELEVATER*, NeurIPS 2022 Datasets, arXiv:2204.08790, section 4
    (language-augmented initialisation).

    Args:
        inputs: inputs of the job; the config is a zero-shot one. ``settings`` may hold
            ``steps`` and ``lr``.
        workspace: where the method works.

    Raises:
        ValueError: the texts are embedded in another width than the images.
    """
    settings = inputs.method.settings
    cfg = job_config(inputs)
    replace_texts(cfg, inputs, workspace)
    head = build_head(cfg.model.head)
    texts = F.normalize(head.encode_texts().float(), dim=1)  # (K, D)
    scale = torch.as_tensor(head.scale()).float()
    train, test = (features(inputs, workspace, file) for file in ('train', 'val'))
    if train.values.shape[1] != texts.shape[1]:
        raise ValueError(
            f'{inputs.method.config}: image features are '
            f'{train.values.shape[1]} wide, text embeddings {texts.shape[1]}. A '
            'text-initialised probe needs a model with one space for both, such as a '
            'zero-shot CLIP config.'
        )
    x = F.normalize(torch.from_numpy(train.values), dim=1)  # (N, D)
    steps, lr = settings.get('steps', STEPS), settings.get('lr', LR)
    labels = torch.from_numpy(train.labels)
    weight, losses = _descend(x, labels, texts, scale, steps, lr)
    record_losses(workspace, losses)
    logits = scale * F.normalize(torch.from_numpy(test.values), dim=1) @ weight.t()
    return Scores(patches=logits.softmax(1).numpy())


def _descend(
    x: Tensor, labels: Tensor, texts: Tensor, scale: Tensor, steps: int, lr: float
) -> tuple[Tensor, list[float]]:
    """Return the trained weights (K, D), and the loss of each step."""
    members = torch.bincount(labels, minlength=len(texts)).clamp(min=1)
    weight = texts.clone().requires_grad_(True)
    optimizer = torch.optim.SGD([weight], lr=lr)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(scale * x @ weight.t(), labels, 1 / members.float())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return weight.detach(), losses
