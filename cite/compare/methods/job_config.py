from typing import Callable

import torch
from mmcv import Config

from cite.apis.config_file import read_config

from .job import JobInputs


def read_method(path: str) -> Config:
    """Read a method's config.

    ``SHOTS``, by which configs choose their annotation file and name, is ignored.
    """
    return read_config(path, variables={'SHOTS': None})


def job_config(
    inputs: JobInputs, read: Callable[[str], Config] = read_method
) -> Config:
    """Read a method's config and put a job's files and options into it.

    Args:
        inputs: inputs of the job.
        read: function that reads a config; pass a cached one for many jobs.

    Raises:
        ValueError: a config that names no training or test data.
    """
    method, seed = inputs.method, inputs.job.seed
    cfg = Config(read(method.config)._cfg_dict.to_dict())
    options = {**inputs.options, **method.options}
    options.update(dict.fromkeys(method.seed_keys, seed))
    cfg.merge_from_dict(options)
    for part, file in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        if part not in cfg.data:
            raise ValueError(f'{method.config}: data.{part} is missing.')
        cfg.data[part].data_prefix = inputs.data_prefix
        cfg.data[part].classes = list(inputs.classes)
        cfg.data[part].ann_file = inputs.files.get(file, inputs.files['val'])
    cfg.seed = seed
    cfg.gpu_ids = [0]
    cfg.device = 'cuda' if torch.cuda.is_available() else 'cpu'
    cfg.checkpoint_config = None  # only the predictions are kept
    cfg.pop('evaluation', None)
    return cfg
