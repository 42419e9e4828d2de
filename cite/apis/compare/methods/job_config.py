"""The mmcls config of a job."""

from pathlib import Path
from typing import Any

import mmcv
from mmcv import Config

_MODEL_KEYS = ('pretrained', 'init_cfg')


def job_config(inputs: dict[str, Any], folder: Path) -> Config:
    """Read a method's config and put a job's files and options into it.

    Args:
        inputs: of :func:`cite.apis.compare.plan.job_inputs`.
        folder: the job's own.

    Raises:
        ValueError: a config that names no training or test data.
    """
    method, job = inputs['method'], inputs['job']
    cfg = Config.fromfile(method['config'])
    options = {**inputs['options'], **method['options']}
    options.update({key: job['seed'] for key in method['seed_keys']})
    cfg.merge_from_dict(options)
    for part, file in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        if part not in cfg.data:
            raise ValueError(f'{method["config"]}: data.{part} is missing.')
        cfg.data[part].data_prefix = inputs['data_prefix']
        cfg.data[part].classes = list(inputs['classes'])
        if file in inputs['files']:
            cfg.data[part].ann_file = inputs['files'][file]
    cfg.work_dir = str(folder)
    cfg.seed = job['seed']
    cfg.gpu_ids = [0]
    cfg.device = device()
    cfg.checkpoint_config = None  # the predictions are what is kept
    cfg.pop('evaluation', None)
    mmcv.mkdir_or_exist(str(folder))
    return cfg


def device() -> str:
    """Return where to compute: ``'cuda'`` or ``'cpu'``."""
    import torch

    return 'cuda' if torch.cuda.is_available() else 'cpu'
