"""Data sets and what they are made of.

What is registered with mmcls is imported when it is asked for, because those who read
`tables` alone, such as `cite ann`, need not wait for torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .registered import (
        BalancedSampler,
        CLIPPreprocess,
        KFoldDataset,
        PatchGastricCls3,
        PatchGastricPipeline,
        SlideBags,
        sampler_cfg_of,
    )

__all__ = [
    'BalancedSampler',
    'CLIPPreprocess',
    'KFoldDataset',
    'PatchGastricCls3',
    'PatchGastricPipeline',
    'SlideBags',
    'sampler_cfg_of',
]


def __getattr__(name: str) -> Any:
    """Import a data set, pipeline or sampler."""
    if name in __all__:
        from . import registered

        return getattr(registered, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
