from typing import Optional

from torch.utils.data import Dataset

from .balanced_sampler import BalancedSampler
from .orders import Draw

__all__ = ['BalancedSampler', 'Draw', 'sampler_cfg_of']


def sampler_cfg_of(dataset: Dataset) -> Optional[dict]:
    """Return the sampler config that a data set asks for in training.

    Args:
        dataset: any data set; ours have a property ``sampler_cfg``.

    Returns:
        A new dict for mmcls' ``build_sampler``, or None: the data set does not ask.
    """
    return getattr(dataset, 'sampler_cfg', None)
