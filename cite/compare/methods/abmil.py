import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .features import Features, features
from .job import JobInputs
from .scores import Scores
from .workspace import Workspace

HIDDEN = 128  # as in the source
LR, WEIGHT_DECAY = 5e-4, 1e-4  # as in the source, for histology
STEPS = 300
SETTINGS = {'steps': STEPS, 'lr': LR}


class GatedAttention(nn.Module):
    """Attention over a slide's patches, then a linear classifier.

    Source: Ilse et al., *Attention-based Deep Multiple Instance Learning*, ICML 2018,
    arXiv:1802.04712, equation 9.

    Args:
        width: width of the features, D.
        classes: number of classes, K.
        hidden: width of the attention.
    """

    def __init__(self, width: int, classes: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.tanh = nn.Linear(width, hidden)
        self.gate = nn.Linear(width, hidden)
        self.attention = nn.Linear(hidden, 1)
        self.classifier = nn.Linear(width, classes)

    def forward(self, bag: Tensor) -> tuple[Tensor, Tensor]:
        """Return a slide's logits (K,) and its patches' weights (n,), of sum 1.

        Args:
            bag: features of the slide's patches, (n, D).
        """
        hidden = torch.tanh(self.tanh(bag)) * torch.sigmoid(self.gate(bag))
        weights = self.attention(hidden)[:, 0].softmax(0)  # (n,)
        return self.classifier(weights @ bag), weights

    def attend(self, bags: Tensor, present: Tensor) -> Tensor:
        """Return the attended features of M bags at once, (M, D).

        Args:
            bags: features, (M, m, D).
            present: False where a bag has no patch, (M, m).
        """
        hidden = torch.tanh(self.tanh(bags)) * torch.sigmoid(self.gate(bags))
        scores = self.attention(hidden)[..., 0].masked_fill(~present, -torch.inf)
        return (scores.softmax(1)[:, None] @ bags)[:, 0]


def abmil(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Train gated attention MIL on the training slides' features.

    Features are standardised by the training patches' mean and deviation. Each step of
    Adam takes one slide, the classes in rotation.

    Args:
        inputs: inputs of the job. ``settings`` may hold ``steps`` and ``lr``.
        workspace: where the method works.
    """
    train, test = (features(inputs, workspace, file) for file in ('train', 'val'))
    mean, std = train.values.mean(0), train.values.std(0) + 1e-6
    settings, seed = inputs.method.settings, inputs.job.seed
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GatedAttention(train.values.shape[1], len(inputs.classes))
    train = train._replace(values=(train.values - mean) / std)
    steps, lr = settings.get('steps', STEPS), settings.get('lr', LR)
    workspace.record_losses(_fit(model, train, seed, steps, lr))
    with torch.no_grad():
        slides = (torch.from_numpy((s - mean) / std) for s in test.of_slides())
        logits = torch.stack([model(slide)[0] for slide in slides])  # (B, K)
    return Scores(slides=logits.softmax(1).numpy())


def _fit(
    model: GatedAttention, train: Features, seed: int, steps: int, lr: float
) -> list[float]:
    """Train, and return the loss of each step."""
    bags = [torch.from_numpy(slide) for slide in train.of_slides()]
    labels = train.slide_labels()
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(np.flatnonzero(labels == k)) for k in np.unique(labels)]
    optimizer = torch.optim.Adam(
        model.parameters(), lr=lr, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.999)
    )
    losses = []
    for step in range(steps):
        turn, k = divmod(step, len(orders))
        slide = orders[k][turn % len(orders[k])]
        optimizer.zero_grad()
        logits, _ = model(bags[slide])
        loss = F.cross_entropy(logits[None], torch.tensor([labels[slide]]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
