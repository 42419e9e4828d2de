"""Training: what mmcls' ``train_model`` does, repeatable and ready to be resumed.

mmcls 0.25.0 does not fix what a run should not depend on. Without ``cfg.seed`` every
rank and every restart draws a seed of its own; a restart has to be told its checkpoint;
half-written files of a killed run stop or mislead the next one; a loss that is not
finite trains on. This function does what mmcls' does for CPUs and GPUs, with our data
loaders, evaluation hooks and runners, and without these faults.
"""

import os
import os.path as osp
from contextlib import ExitStack
from typing import Any, Optional

import numpy as np
import torch
from mmcls.utils import get_root_logger, wrap_non_distributed_model
from mmcv import Config
from mmcv.runner import BaseRunner, build_optimizer, build_runner, get_dist_info
from torch import distributed as dist
from torch import nn

from cite.apis.class_order import check_run, classes_of_config
from cite.core.command_line import cfg_options, refuse_changed_options
from cite.core.distributed import wrap_distributed_model
from cite.core.files.lock import only_one
from cite.core.hooks.class_count_hook import check_class_count
from cite.core.runners.work_dir import (
    latest_checkpoint,
    remove_leftovers,
    saying_how_to_go_on,
)
from cite.datasets.builder import build_dataloader
from cite.models.image_stats import settle_images
from cite.start import log_file

from .config_keys import unknown_keys, unread_options
from .data_notes import log_data
from .slide_rules import check_slide_rules
from .train_hooks import register_evaluation, register_hooks

_PARTS = ('train', 'val', 'test')
# Keys of `data` that are not settings of a loader.
_NOT_OF_LOADERS = (*_PARTS, *(f'{part}_dataloader' for part in _PARTS))
_ELSEWHERE = 'Give another --work-dir, or wait until that run has ended.'


def train_model(
    model: nn.Module,
    dataset: Any,
    cfg: Config,
    distributed: bool = False,
    validate: bool = False,
    timestamp: Optional[str] = None,
    device: Optional[str] = None,
    meta: Optional[dict[str, Any]] = None,
) -> None:
    """Train a model.

    Args:
        model: classifier to train.
        dataset: training data set, or one for each entry of ``cfg.workflow``.
        cfg: config of the run.
        distributed: several ranks take part.
        validate: evaluate on ``cfg.data.val`` as ``cfg.evaluation`` says.
        timestamp: name of the log files.
        device: unused, ``cfg.device`` counts; mmcls' tool passes it.
        meta: notes for the log and the checkpoints; the seed is added.

    Raises:
        ValueError: a checkpoint, data set or setting that does not fit the run, or
            another run is training in ``cfg.work_dir``.
    """
    refuse_changed_options()
    meta = {} if meta is None else meta
    cfg.seed = meta['seed'] = _shared_seed(cfg.get('seed'), cfg.get('device', 'cpu'))
    with ExitStack() as locks:
        if get_dist_info()[0] == 0:
            for folder in _folders(cfg):
                locks.enter_context(only_one(folder, 'training', _ELSEWHERE))
        _train(model, dataset, cfg, distributed, validate, timestamp, meta)


def _train(
    model: nn.Module,
    dataset: Any,
    cfg: Config,
    distributed: bool,
    validate: bool,
    timestamp: Optional[str],
    meta: dict[str, Any],
) -> None:
    check_slide_rules(cfg.data)
    _settle_start(cfg)
    datasets = list(dataset) if isinstance(dataset, (list, tuple)) else [dataset]
    settle_images(datasets, model)
    if log_file():
        get_root_logger().info(f'config and environment: {log_file()}')
    for _, message, _ in [*unknown_keys(cfg), *unread_options(cfg, cfg_options())]:
        get_root_logger().warning(message)
    for dataset in datasets:
        check_class_count(model, dataset)
        log_data('training', dataset)
    loader_cfg = _loader_cfg(cfg, distributed)
    train_cfg = {**loader_cfg, **cfg.data.get('train_dataloader', {})}
    loaders = [build_dataloader(dataset, **train_cfg) for dataset in datasets]
    model = _wrap(model, cfg, distributed)
    runner = _build_runner(model, cfg, meta)
    runner.timestamp = timestamp  # so that .log and .log.json have the same name
    register_hooks(runner, cfg, distributed, datasets)
    if validate:
        register_evaluation(runner, cfg, distributed, loader_cfg)
    if cfg.resume_from:
        runner.resume(cfg.resume_from)
    elif cfg.load_from:
        runner.load_checkpoint(cfg.load_from)
    classes = [('data.train', datasets[0].CLASSES)]
    check_run(model, [*classes, *classes_of_config({'data': _evaluated(cfg)})])
    with saying_how_to_go_on(runner, _checkpoint_folder(cfg)):
        runner.run(loaders, cfg.workflow)


def _evaluated(cfg: Config) -> dict[str, Any]:
    return {part: cfg.data[part] for part in ('val', 'test') if cfg.data.get(part)}


def _shared_seed(seed: Optional[int], device: str) -> int:
    """Return the first rank's seed on every rank, drawn and logged if there is none."""
    if seed is None:
        seed = np.random.randint(2**31)
        get_root_logger().info(f'Set random seed to {seed}: none was given')
    if get_dist_info()[1] > 1:
        shared = torch.tensor(seed, dtype=torch.int64, device=device)
        dist.broadcast(shared, src=0)
        seed = int(shared)
    return seed


def _settle_start(cfg: Config) -> None:
    """Clear half-written files away, and settle runner and checkpoint to start from."""
    logger = get_root_logger()
    if get_dist_info()[0] == 0:
        removed = [
            name for folder in _folders(cfg) for name in remove_leftovers(folder)
        ]
        if removed:
            logger.info(f'removed half-written files of a killed run: {removed}')
    if cfg.get('runner') is None:
        cfg.runner = {'type': 'EpochBasedRunner', 'max_epochs': cfg.total_epochs}
    cfg.resume_from = cfg.get('resume_from')
    cfg.load_from = cfg.get('load_from')
    if cfg.get('auto_resume') and not cfg.resume_from:
        cfg.resume_from = latest_checkpoint(_checkpoint_folder(cfg))
        if cfg.resume_from is None:
            logger.info(f'auto_resume: no checkpoint in {cfg.work_dir}, a new run')


def _folders(cfg: Config) -> list[str]:
    """Return the folders that a run writes to, which exist then."""
    folders = [*dict.fromkeys([str(cfg.work_dir), _checkpoint_folder(cfg)])]
    for folder in folders:
        os.makedirs(folder, exist_ok=True)
    return folders


def _checkpoint_folder(cfg: Config) -> str:
    """Return where checkpoints go: mmcv makes a folder of the run below ``out_dir``."""
    out_dir = (cfg.get('checkpoint_config') or {}).get('out_dir')
    if not out_dir:
        return str(cfg.work_dir)
    return osp.join(out_dir, osp.basename(cfg.work_dir.rstrip(osp.sep)))


def _loader_cfg(cfg: Config, distributed: bool) -> dict[str, Any]:
    """Return what all loaders of a run have in common."""
    return {
        'num_gpus': len(cfg.gpu_ids),  # only used without ranks
        'dist': distributed,
        'round_up': True,
        'seed': cfg.get('seed'),
        'sampler_cfg': cfg.get('sampler'),
        **{k: v for k, v in cfg.data.items() if k not in _NOT_OF_LOADERS},
    }


def _wrap(model: nn.Module, cfg: Config, distributed: bool) -> nn.Module:
    if not distributed:
        return wrap_non_distributed_model(model, cfg.device, device_ids=cfg.gpu_ids)
    unused = cfg.get('find_unused_parameters', False)
    return wrap_distributed_model(
        model, cfg.device, broadcast_buffers=False, find_unused_parameters=unused
    )


def _build_runner(model: nn.Module, cfg: Config, meta: dict[str, Any]) -> BaseRunner:
    settings = {
        'model': model,
        'batch_processor': None,
        'optimizer': build_optimizer(model, cfg.optimizer),
        'work_dir': cfg.work_dir,
        'logger': get_root_logger(),
        'meta': meta,
    }
    return build_runner(cfg.runner, default_args=settings)
