from .kfold_dataset import KFoldDataset
from .patch_gastric_cls3 import PatchGastricCls3
from .pipelines import CLIPPreprocess, PatchGastricPipeline
from .samplers import BalancedSampler, sampler_cfg_of

__all__ = [
    'BalancedSampler',
    'CLIPPreprocess',
    'KFoldDataset',
    'PatchGastricCls3',
    'PatchGastricPipeline',
    'sampler_cfg_of',
]
