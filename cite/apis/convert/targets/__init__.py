"""The models that can be written for."""

from ..target import Target
from .mmcls_vit import MMCLS_VIT
from .openai_clip import OPENAI_CLIP

# What ``--to`` calls them; the first of a family is its default.
TARGETS: dict[str, Target] = {'mmcls': MMCLS_VIT, 'clip': OPENAI_CLIP}

__all__ = ['MMCLS_VIT', 'OPENAI_CLIP', 'TARGETS']
