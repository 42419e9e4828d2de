"""Every data set, pipeline and sampler that is registered with mmcls."""

from .kfold_dataset import KFoldDataset
from .patch_gastric_cls3 import PatchGastricCls3
from .pipelines import CLIPPreprocess, PatchGastricPipeline
from .samplers import BalancedSampler, sampler_cfg_of
from .slide_bags import SlideBags

__all__ = [
    'BalancedSampler',
    'CLIPPreprocess',
    'KFoldDataset',
    'PatchGastricCls3',
    'PatchGastricPipeline',
    'SlideBags',
    'sampler_cfg_of',
]
