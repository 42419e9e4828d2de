"""Rows of the model: a training step, a forward pass, a checkpoint."""

import os
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from mmcls.models import build_classifier
from mmcv.runner import save_checkpoint
from torch.nn import functional as F

from .models import Sizes, draw_texts, make_clip, our_config, released_model
from .peaks import most_by_bf16
from .row import Measure, Row, Workspace

# A quarter of a run's batch: of more, the released side maps even more memory anew.
BATCH = 32


def draw_images(workspace: Workspace, count: int = BATCH) -> torch.Tensor:
    """Draw normalised images (count, 3, H, W)."""
    side = Sizes(workspace).image
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def _our_model(workspace: Workspace) -> Any:
    """Build our model with random text embeddings, as the other side has."""
    return draw_texts(build_classifier(our_config(workspace)), workspace)


def _rate(work: Any) -> Measure:
    """Measure images per second of a function that computes one batch."""
    work()  # the first call allocates and initialises

    def measure() -> float:
        start = perf_counter()
        work()
        return BATCH / (perf_counter() - start)

    return measure


def _sgd(model: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.03)


def released_step(workspace: Workspace) -> Measure:
    """Measure the released training step."""
    model, images = released_model(workspace).train(), draw_images(workspace)
    labels, optimizer = torch.arange(BATCH) % 3, _sgd(model)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return _rate(step)


def our_step(workspace: Workspace) -> Measure:
    """Measure our training step."""
    model, images = _our_model(workspace).train(), draw_images(workspace)
    labels, optimizer = torch.arange(BATCH) % 3, _sgd(model)

    batch = {'img': images, 'gt_label': labels}

    def step() -> None:
        optimizer.zero_grad()
        model.train_step(batch, optimizer)['loss'].backward()
        optimizer.step()

    return _rate(step)


def released_forward(workspace: Workspace) -> Measure:
    """Measure the released forward pass of evaluation."""
    model, images = released_model(workspace).eval(), draw_images(workspace)

    def forward() -> None:
        with torch.no_grad():
            model(images).softmax(1)

    return _rate(forward)


def our_forward(workspace: Workspace) -> Measure:
    """Measure our forward pass of evaluation."""
    model, images = _our_model(workspace).eval(), draw_images(workspace)
    return _rate(lambda: model(images, return_loss=False))


def _megabytes(model: Any) -> Measure:
    def measure() -> float:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'iter.pth'
            save_checkpoint(model, str(path), optimizer=_sgd(model))
            return os.path.getsize(path) / 1e6

    return measure


def released_size(workspace: Workspace) -> Measure:
    """Measure the released checkpoint, in single precision as on a CPU."""
    return _megabytes(released_model(workspace))


def our_size(workspace: Workspace) -> Measure:
    """Measure our checkpoint."""
    return _megabytes(_our_model(workspace))


ROWS = [
    Row(
        'train-step',
        'CITE training, ViT-B/16, CPU, in the step',
        'images/s',
        3,
        released_step,
        our_step,
        'matrix products: 12 blocks x 12 x 768^2 x 198 tokens x 2 = 33.6 GFLOP an '
        'image forward, as much backward (inputs only, weights are frozen)',
        more_is_better=True,
        bf16=True,
        most=most_by_bf16,
        prepare=make_clip,
    ),
    Row(
        'forward',
        'evaluation forward, ViT-B/16, CPU',
        'images/s',
        3,
        released_forward,
        our_forward,
        'matrix products: 33.6 GFLOP an image, of which the last block needs a quarter '
        '(31.5), and 1.4 GFLOP of attention',
        more_is_better=True,
        bf16=True,
        most=most_by_bf16,
        prepare=make_clip,
    ),
    Row(
        'checkpoint',
        'checkpoint size, ViT-B/16 CITE',
        'MB',
        100,
        released_size,
        our_size,
        'the neck: 512 x 1024 x 4 bytes = 2.1 MB; the released one holds 86 M more '
        'values (half that size where they are kept in half precision, on a GPU)',
        exact=True,
        prepare=make_clip,
    ),
]
