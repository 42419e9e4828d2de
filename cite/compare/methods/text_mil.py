import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cite.models.heads.text_pooling import TextPooling

from .class_texts import ClassTexts, class_texts
from .features import Features, features
from .job import JobInputs
from .scores import Scores
from .workspace import Workspace

SETTINGS = {
    'steps': 300,
    'lr': 1e-3,
    'decay': 0.1,
    'ridge': 0.01,
    'identity': False,
    'prior': False,
}
_MOST_PATCHES = 512  # of a slide in a step, which bounds memory
_PRIOR_FROM = 8  # slides; with fewer there is no prior


def text_mil(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Train CITE on bags: project features, pool them by their likeness to the texts.

    :class:`cite.models.heads.text_pooling.TextPooling` has the formulas. The projection
    starts at the identity or, where texts have a space of their own, at the ridge
    regression from the slides' mean unit features to their class's text. The loss is
    the cross-entropy of all training slides, the classes alike, on a random half of
    each one's patches at every step, plus ``decay ‖P - P⁰‖²``; Adam, the last step
    counts. It helps where few patches carry the label, not in grading.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2, for the projection
    and the cosine with the texts.

    Args:
        inputs: inputs of the job; the config has texts. Settings: ``steps`` (300),
            ``lr`` (1e-3), ``decay`` (0.1), ``ridge`` (0.01), ``identity``: start there,
            for towers that share a space; ``prior``: one attention for all classes,
            from 8 training slides on.
        workspace: where the method works.

    Raises:
        ValueError: ``identity`` with texts of another width than the features.
    """
    options, texts = inputs.settings(SETTINGS), class_texts(inputs, workspace)
    train, test = (features(inputs, workspace, f).unit() for f in ('train', 'val'))
    model = _model(inputs, options, texts, train)
    rng = np.random.default_rng(inputs.job.seed)
    workspace.record_losses(_fit(model, texts, train, options, rng))
    with torch.no_grad():
        logits = torch.cat(
            [
                model(torch.from_numpy(slide)[None], texts.vectors, texts.scale)
                for slide in test.of_slides()
            ]
        )
    return Scores(slides=logits.softmax(1).numpy())


def _model(
    inputs: JobInputs, options: dict, texts: ClassTexts, train: Features
) -> TextPooling:
    width, text_width = train.values.shape[1], texts.vectors.shape[1]
    labels = train.slide_labels()
    prior = options['prior'] and len(labels) >= _PRIOR_FROM
    model = TextPooling(width, text_width, prior)
    if options['identity'] and width != text_width:
        raise ValueError(
            f'{inputs.method.config}: identity=True, but image features are {width} '
            f'wide, text embeddings {text_width}. Leave it out.'
        )
    if not options['identity']:
        targets = texts.vectors.numpy()[labels]  # (B, T)
        shares = 1 / (len(np.unique(labels)) * np.bincount(labels)[labels])
        weight = ridge(train.slide_means(), targets, shares, options['ridge'])
        model.start_from(torch.from_numpy(weight))
    return model


def ridge(
    x: np.ndarray, targets: np.ndarray, shares: np.ndarray, strength: float
) -> np.ndarray:
    """Return ``argmin_P Σ_b shares_b ‖P x_b - targets_b‖² + strength ‖P‖²``, (T, D).

    Args:
        x: (B, D).
        targets: (B, T).
        shares: weight of each row, (B,).
        strength: of the penalty.
    """
    # In the kernel's form, because slides are fewer than the features are wide.
    kernel = x @ x.T + max(strength, 1e-8) * np.diag(1 / shares)
    return targets.T @ np.linalg.solve(kernel, x)


def _fit(
    model: TextPooling,
    texts: ClassTexts,
    train: Features,
    options: dict,
    rng: np.random.Generator,
) -> list[float]:
    """Train, and return each step's loss, without the pull to the start."""
    slides, labels = train.of_slides(), torch.from_numpy(train.slide_labels())
    balance = 1 / torch.bincount(labels).clamp(min=1).float()  # (K,)
    optimizer = torch.optim.Adam(model.parameters(), lr=options['lr'])
    losses = []
    for _ in range(options['steps']):
        logits = model(_halves(slides, rng), texts.vectors, texts.scale)
        loss = F.cross_entropy(logits, labels, balance)
        optimizer.zero_grad()
        (loss + options['decay'] * model.drift()).backward()
        optimizer.step()
        model.beta.data.clamp_(min=0)
        losses.append(loss.item())
    return losses


def _halves(slides: list[np.ndarray], rng: np.random.Generator) -> Tensor:
    """Return a random half of each slide's patches, (B, n, D), zeros at the end."""
    numbers = [min(math.ceil(len(s) / 2), _MOST_PATCHES) for s in slides]
    bags = np.zeros((len(slides), max(numbers), slides[0].shape[1]), np.float32)
    for bag, slide, number in zip(bags, slides, numbers):
        bag[:number] = slide[rng.permutation(len(slide))[:number]]
    return torch.from_numpy(bags)
