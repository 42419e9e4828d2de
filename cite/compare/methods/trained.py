import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcls.apis import set_random_seed, train_model
from mmcls.datasets import build_dataloader
from mmcls.models import build_classifier
from mmcv import Config
from torch.utils.data import Dataset

from cite.datasets.slide_bags import SlideBags
from cite.models.classifiers.normalize import ImageBuffer, to_float

from .controls import replace_texts
from .features import features
from .job import JobInputs, job_config
from .scores import Scores, build_part
from .shared_draws import shared_draws
from .workspace import SharedPatches, Workspace


def trained(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Train an mmcls config on a job's slides, unless it needs none, and test it.

    Args:
        inputs: inputs of the job.
        workspace: where the method works; its folder gets mmcls' log.
    """
    cfg = job_config(inputs, workspace.kept.read_method)
    cfg.work_dir = str(workspace.folder)
    replace_texts(cfg, inputs, workspace)
    with tempfile.TemporaryDirectory(dir=workspace.folder) as scratch:
        if inputs.features:
            _use_feature_file(cfg, inputs, workspace, Path(scratch))
        elif inputs.method.features:
            _use_features(cfg, inputs, workspace, Path(scratch))
        set_random_seed(cfg.seed)
        model = build_classifier(cfg.model)
        model.init_weights()
        if 'train' in inputs.files:
            _train(model, cfg, workspace)
        test = _dataset(cfg, 'test', workspace.kept.patches)
        scores = _predict(model, test, cfg)
        is_bags = isinstance(test, SlideBags)
        return Scores(slides=scores) if is_bags else Scores(patches=scores)


def _train(model: torch.nn.Module, cfg: Config, workspace: Workspace) -> None:
    data = _dataset(cfg, 'train', workspace.kept.patches)
    losses = workspace.folder / 'losses.json'
    history = {'type': 'LossHistoryHook', 'file': str(losses)}
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), history]
    train_model(
        model,
        [data],
        cfg,
        timestamp=time.strftime('%Y%m%d_%H%M%S'),
        device=cfg.device,
        meta={'seed': cfg.seed, 'CLASSES': data.CLASSES},
    )
    workspace.record_losses(json.loads(losses.read_text()))


def _dataset(cfg: Config, part: str, patches: SharedPatches) -> Any:
    if not cfg.data.get('workers_per_gpu'):
        cfg.data[part].cache = 'off'
    return patches.share(build_part(cfg, part), cfg)


def _predict(model: Any, dataset: Dataset, cfg: Config) -> np.ndarray:
    """Compute the softmax scores of a data set's patches, (N, K), in its order."""
    model = model.to(cfg.device).eval()
    loader = build_dataloader(
        dataset,
        samples_per_gpu=cfg.data.samples_per_gpu,
        workers_per_gpu=cfg.data.workers_per_gpu,
        num_gpus=1,
        dist=False,
        shuffle=False,
        round_up=False,
        persistent_workers=False,
    )
    batches, buffer = [], ImageBuffer()
    with torch.no_grad():
        for batch in loader:
            images = batch['img'].to(cfg.device)
            images = to_float(images, batch.get('img_metas'), buffer)
            batches.append(np.stack(model.simple_test(images, None)))
    return np.concatenate(batches)


def _use_features(
    cfg: Config, inputs: JobInputs, workspace: Workspace, scratch: Path
) -> None:
    """Replace the images by features, and the backbone by one that passes them on."""
    number = inputs.method.features
    assert isinstance(number, int)  # names of files take the other way
    test = shared_draws(cfg, inputs, workspace, 'val', 0)
    np.save(scratch / 'test_1.npy', test.read(1))
    prefixes = {'test': (scratch / 'test', 1)}
    if 'train' in inputs.files:
        train = shared_draws(cfg, inputs, workspace, 'train', number)
        for i in range(1, number + 1):
            np.save(scratch / f'train_{i}.npy', train.read(i))
        prefixes['train'] = (scratch / 'train', number)
    for part, (prefix, draws) in prefixes.items():
        cfg.data[part].update(feature_file=str(prefix), num_aug=draws)
    cfg.model.backbone = {'type': 'FeatureBackbone'}


def _use_feature_file(
    cfg: Config, inputs: JobInputs, workspace: Workspace, scratch: Path
) -> None:
    """Give the data sets the rows of feature files that are those of their slides."""
    for part, file in (('train', 'train'), ('test', 'val')):
        if file in inputs.files:
            np.save(scratch / f'{part}_1.npy', features(inputs, workspace, file).values)
            cfg.data[part].update(
                feature_file=str(scratch / part), num_aug=1, feature_digest=None
            )
