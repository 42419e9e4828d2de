"""mmcls' ``train_model`` leaves to luck what a run should not depend on.

For mmcls 0.25.0: without ``cfg.seed`` every rank and restart draws its own; a restart
has to be told its checkpoint; what a killed run leaves half done stops or misleads the
next one; a loss that is not finite trains on. Ours settles these and calls mmcls'.
"""

import functools
import os.path as osp
from typing import Any, Optional

import numpy as np
import torch
from mmcls.apis.train import train_model as _train_model
from mmcls.utils import get_root_logger
from mmcv import Config
from mmcv.runner import get_dist_info
from torch import distributed as dist

from cite.compat.doors import rebind
from cite.core.runners.work_dir import latest_checkpoint, remove_leftovers

# In every run, whatever a config's `custom_hooks` holds; one listed there counts.
_HOOKS = (
    {'type': 'RandomStateHook', 'priority': 'HIGHEST'},
    {'type': 'FiniteLossHook', 'priority': 'HIGH'},  # before the optimizer's step
)


def install() -> None:
    """Replace ``train_model``, also where mmcls' tool has taken it already."""
    rebind(_train_model, train_model)


@functools.wraps(_train_model)
def train_model(
    model: Any,
    dataset: Any,
    cfg: Config,
    distributed: bool = False,
    validate: bool = False,
    timestamp: Optional[str] = None,
    device: Optional[str] = None,
    meta: Optional[dict[str, Any]] = None,
) -> None:
    meta = {} if meta is None else meta
    cfg.seed = meta['seed'] = _shared_seed(cfg.get('seed'), cfg.get('device', 'cpu'))
    _settle_start(cfg)
    cfg.custom_hooks = _with_ours(cfg.get('custom_hooks'))
    _train_model(model, dataset, cfg, distributed, validate, timestamp, device, meta)


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


def _checkpoint_folder(cfg: Config) -> str:
    """Return where checkpoints go: below ``out_dir`` mmcv makes a folder of the run."""
    out_dir = (cfg.get('checkpoint_config') or {}).get('out_dir')
    if not out_dir:
        return str(cfg.work_dir)
    return osp.join(out_dir, osp.basename(cfg.work_dir.rstrip(osp.sep)))


def _settle_start(cfg: Config) -> None:
    """Clear the folder of half-done files, and find the checkpoint to go on from."""
    logger = get_root_logger()
    if get_dist_info()[0] == 0:
        folders = dict.fromkeys([str(cfg.work_dir), _checkpoint_folder(cfg)])
        removed = [name for folder in folders for name in remove_leftovers(folder)]
        if removed:
            logger.info(f'removed what a killed run left half done: {removed}')
    cfg.resume_from = cfg.get('resume_from')
    cfg.load_from = cfg.get('load_from')
    if cfg.get('auto_resume') and not cfg.resume_from:
        cfg.resume_from = latest_checkpoint(_checkpoint_folder(cfg))
        if cfg.resume_from is None:
            logger.info(f'auto_resume: no checkpoint in {cfg.work_dir}, a new run')


def _with_ours(hooks: Optional[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    hooks = list(hooks or [])
    listed = {hook['type'] for hook in hooks}
    return hooks + [dict(hook) for hook in _HOOKS if hook['type'] not in listed]
