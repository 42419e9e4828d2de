"""The mmcls config of a job."""

from typing import Any, Callable

import torch
from mmcv import Config

from cite.apis.config_file import read_config


def read_method(path: str) -> Config:
    """Read a method's config, whose annotation file and name must not follow SHOTS."""
    return read_config(path, variables={'SHOTS': None})


def job_config(
    inputs: dict[str, Any], read: Callable[[str], Config] = read_method
) -> Config:
    """Read a method's config and put a job's files and options into it.

    Args:
        inputs: of :func:`cite.compare.plan.plan.job_inputs`.
        read: reads a config; who asks for many jobs may remember what was read.

    Raises:
        ValueError: a config that names no training or test data.
    """
    method, job = inputs['method'], inputs['job']
    cfg = Config(read(method['config'])._cfg_dict.to_dict())
    options = {**inputs['options'], **method['options']}
    options.update(dict.fromkeys(method['seed_keys'], job['seed']))
    cfg.merge_from_dict(options)
    for part, file in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        if part not in cfg.data:
            raise ValueError(f'{method["config"]}: data.{part} is missing.')
        cfg.data[part].data_prefix = inputs['data_prefix']
        cfg.data[part].classes = list(inputs['classes'])
        cfg.data[part].ann_file = inputs['files'].get(file, inputs['files']['val'])
    cfg.seed = job['seed']
    cfg.gpu_ids = [0]
    cfg.device = 'cuda' if torch.cuda.is_available() else 'cpu'
    cfg.checkpoint_config = None  # the predictions are what is kept
    cfg.pop('evaluation', None)
    return cfg
