import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .abmil import GatedAttention
from .features import Features, features
from .job import JobInputs
from .scores import Scores
from .workspace import Workspace

# As in the source, and its rate falls to a fifth at half of the epochs.
SETTINGS = {'epochs': 200, 'lr': 1e-4, 'pseudo_bags': 5, 'hidden': 512}
_WEIGHT_DECAY, _CLIP, _FALL = 1e-4, 5.0, 0.2


class DoubleTier(nn.Module):
    """Attention over each pseudo-bag's patches, then over the pseudo-bags.

    Source: Zhang et al., *DTFD-MIL*, CVPR 2022, arXiv:2203.12081, section 3.3, with
    the aggregated feature selection (AFS).

    Args:
        width: width of the features, D.
        classes: number of classes, K.
        hidden: width of both attentions.
    """

    def __init__(self, width: int, classes: int, hidden: int) -> None:
        super().__init__()
        self.patches = GatedAttention(width, classes, hidden)
        self.bags = GatedAttention(width, classes, hidden)

    def forward(self, bag: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of M pseudo-bags (M, K) and of the slide (K,).

        Args:
            bag: features of the slide's patches, (n, D).
            groups: patches of each pseudo-bag, (M, m); -1 where it has fewer than m.
        """
        attended = self.patches.attend(bag[groups], groups >= 0)  # (M, D)
        return self.patches.classifier(attended), self.bags(attended)[0]


def dtfd(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Train double-tier attention MIL on pseudo-bags of the training slides' patches.

    The patches of a slide are dealt at random into pseudo-bags with the slide's label;
    the loss is the mean cross-entropy of the pseudo-bags plus that of the slide, with
    equal weights of the classes. Features are standardised by the training patches'
    mean and deviation. An epoch takes each slide once; the last one counts.

    Source: Zhang et al., *DTFD-MIL: Double-Tier Feature Distillation Multiple Instance
    Learning for Histopathology Whole Slide Image Classification*, CVPR 2022,
    arXiv:2203.12081.

    Args:
        inputs: inputs of the job. Settings: ``epochs`` (200), ``lr`` (1e-4),
            ``pseudo_bags`` (5), ``hidden`` (512).
        workspace: where the method works.
    """
    options, seed = inputs.settings(SETTINGS), inputs.job.seed
    number = options['pseudo_bags'] or 1
    train, test = (features(inputs, workspace, file) for file in ('train', 'val'))
    mean, std = train.values.mean(0), train.values.std(0) + 1e-6
    train, test = (f._replace(values=(f.values - mean) / std) for f in (train, test))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        width, classes = train.values.shape[1], len(inputs.classes)
        model = DoubleTier(width, classes, options['hidden'])
    rng = np.random.default_rng(seed)
    losses = _fit(model, train, number, options['epochs'], options['lr'], rng)
    workspace.record_losses(losses)
    with torch.no_grad():
        logits = [
            model(torch.from_numpy(slide), deal(len(slide), number, rng))[1]
            for slide in test.of_slides()
        ]
    return Scores(slides=torch.stack(logits).softmax(1).numpy())


def deal(patches: int, number: int, rng: np.random.Generator) -> Tensor:
    """Deal n patches into pseudo-bags whose sizes differ by one at most.

    Returns:
        Numbers of patches, (M, m), -1 where a pseudo-bag has fewer than m; M is
        ``number``, or n where there are fewer patches.
    """
    number = min(number, patches)
    groups = np.full((number, -(-patches // number)), -1)
    groups.T.flat[:patches] = rng.permutation(patches)
    return torch.from_numpy(groups)


def _fit(
    model: DoubleTier,
    train: Features,
    number: int,
    epochs: int,
    lr: float,
    rng: np.random.Generator,
) -> list[float]:
    """Train, and return the slide's part of each step's loss."""
    bags = [torch.from_numpy(slide) for slide in train.of_slides()]
    labels = torch.from_numpy(train.slide_labels())
    members = torch.bincount(labels)
    balance = len(labels) / ((members > 0).sum() * members.clamp(min=1))  # (K,)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=_WEIGHT_DECAY)
    losses = []
    for epoch in range(epochs):
        optimizer.param_groups[0]['lr'] = lr * (_FALL if 2 * epoch >= epochs else 1)
        for slide in rng.permutation(len(bags)):
            groups = deal(len(bags[slide]), number, rng)
            of_bags, of_slide = model(bags[slide], groups)
            label = labels[slide].expand(len(of_bags))
            loss = F.cross_entropy(of_slide[None], label[:1])
            optimizer.zero_grad()
            weight = balance[labels[slide]]
            (weight * (F.cross_entropy(of_bags, label) + loss)).backward()
            nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
            optimizer.step()
            losses.append((weight * loss).item())
    return losses
