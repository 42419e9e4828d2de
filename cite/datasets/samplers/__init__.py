from typing import Optional

from torch.utils.data import Dataset

from .balanced_sampler import BalancedSampler
from .orders import Draw

__all__ = ['BalancedSampler', 'Draw', 'sampler_cfg_of']


def sampler_cfg_of(dataset: Dataset) -> Optional[dict]:
    """Return the sampler config that a data set of ours asks for in training."""
    return getattr(dataset, 'sampler_cfg', None)
