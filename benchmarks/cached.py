"""Rows of methods with a frozen backbone, on cached features."""

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from mmcls.apis.test import single_gpu_test
from mmcls.datasets import build_dataloader, build_dataset
from mmcls.models import build_classifier
from mmcv.parallel import MMDataParallel
from mmcv.runner import IterBasedRunner
from mmcv.utils import get_logger
from torch.nn import functional as F

from .model_path import draw_images
from .models import Sizes, draw_texts, make_clip, our_config, released_model
from .row import Measure, Row, Workspace

PATCHES, DRAWS = 3000, 8
BATCH = 8  # of the released side, which is scaled
STEP = 128  # images per iteration


def _prepare(workspace: Workspace) -> None:
    make_clip(workspace)
    folder = workspace.folder
    names = (f's{i % 30}_{i}.jpg {i % 30 % 3}\n' for i in range(PATCHES))
    (folder / 'features.txt').write_text(''.join(names))
    rng = np.random.default_rng(0)
    width = Sizes(workspace).features
    for i in range(1, DRAWS + 1):
        features = rng.normal(size=(PATCHES, width)).astype(np.float32)
        np.save(folder / f'features_{i}.npy', features)


def _iterations(workspace: Workspace) -> int:
    return 20 if workspace.small else 1000


def _released(workspace: Workspace, trained: list[str], images: int) -> Measure:
    """Time one batch through the frozen backbone and scale it to all the images."""
    model, batch = released_model(workspace), draw_images(workspace, BATCH)
    model.requires_grad_(False)
    for part in trained:
        model.get_submodule(part).requires_grad_(True)
    labels = torch.arange(BATCH) % 3

    def measure() -> float:
        start = perf_counter()
        with torch.set_grad_enabled(bool(trained)):
            loss = F.cross_entropy(model(batch), labels)
            if trained:
                loss.backward()
        return (perf_counter() - start) * images / BATCH

    return measure


def released_training(workspace: Workspace) -> Measure:
    """Measure training of the layer after the backbone, with the backbone in each step.

    Both rows train one linear layer, the neck or the classes' weights, whose size does
    not matter beside the backbone.
    """
    return _released(workspace, ['neck'], _iterations(workspace) * STEP)


def released_zero_shot(workspace: Workspace) -> Measure:
    """Measure evaluation, backbone included."""
    return _released(workspace, [], PATCHES)


def _loader(workspace: Workspace, training: bool) -> Any:
    pre = {'type': 'PatchGastricPipeline', 'test_mode': not training}
    steps = [pre, {'type': 'Collect', 'keys': ['img', 'gt_label'][: 1 + training]}]
    dataset = build_dataset(
        {
            'type': 'PatchGastricCls3',
            'data_prefix': str(workspace.folder),
            'ann_file': str(workspace.folder / 'features.txt'),
            'pipeline': steps,
            'feature_file': str(workspace.folder / 'features'),
            'num_aug': DRAWS,
            'test_mode': not training,
        }
    )
    sampler = {'type': 'BalancedSampler', 'balance': 'patch'} if training else None
    return build_dataloader(
        dataset, STEP, 0, dist=False, shuffle=training, seed=0, sampler_cfg=sampler
    )


def _feature_model(workspace: Workspace) -> Any:
    config = {**our_config(workspace), 'backbone': {'type': 'FeatureBackbone'}}
    return draw_texts(build_classifier(config), workspace)


def _linear_model(workspace: Workspace) -> Any:
    head = {'type': 'MyLinearClsHead', 'num_classes': 3}
    head['in_channels'] = Sizes(workspace).features
    backbone = {'type': 'FeatureBackbone'}
    return build_classifier(
        {'type': 'CITEClassifier', 'backbone': backbone, 'head': head}
    )


def our_linear(workspace: Workspace) -> Measure:
    """Measure linear training by mmcv's runner, including set-up of the data."""
    return _our_training(workspace, _linear_model(workspace))


def our_neck(workspace: Workspace) -> Measure:
    """Measure neck-only training by mmcv's runner, including set-up of the data."""
    return _our_training(workspace, _feature_model(workspace))


def _our_training(workspace: Workspace, model: Any) -> Measure:
    def measure() -> float:
        start = perf_counter()
        work_dir = str(Path(workspace.folder) / 'run')
        runner = IterBasedRunner(
            MMDataParallel(model, device_ids=[]),
            optimizer=torch.optim.SGD(model.parameters(), lr=0.03),
            work_dir=work_dir,
            logger=get_logger('benchmark', log_level='ERROR'),
            max_iters=_iterations(workspace),
        )
        runner.register_training_hooks({'policy': 'fixed'}, {'grad_clip': None})
        runner.run([_loader(workspace, training=True)], [('train', 1)])
        return perf_counter() - start

    return measure


def our_zero_shot(workspace: Workspace) -> Measure:
    """Measure evaluation by mmcls' loop, including set-up of the data."""
    model = MMDataParallel(_feature_model(workspace), device_ids=[])

    def measure() -> float:
        start = perf_counter()
        results = single_gpu_test(model, _loader(workspace, training=False))
        seconds = perf_counter() - start
        if len(results) != PATCHES:
            raise ValueError(f'{len(results)} results of {PATCHES} patches')
        return seconds

    return measure


_SCALED = f'a batch of {BATCH} in each of 5 iterations, scaled'
_TRAINING = [
    Row(
        key,
        f'{key} training, 1000 iterations of batch 128, on cached features',
        's',
        100,
        released_training,
        ours,
        "the runner's, the loader's and autograd's calls; the products of a step are "
        'below 1 GFLOP',
        prepare=_prepare,
        estimate=f'{_SCALED} to 128,000 images',
    )
    for key, ours in (('linear', our_linear), ('neck-only', our_neck))
]
ROWS = [
    *_TRAINING,
    Row(
        'zero-shot',
        f'zero-shot evaluation of {PATCHES} patches on cached features',
        's',
        100,
        released_zero_shot,
        our_zero_shot,
        'mmcls turns scores into one array per patch',
        prepare=_prepare,
        estimate=f'{_SCALED} to {PATCHES} images',
    ),
]
