"""A small PatchGastric of drawn tissue, for the demo and for tests."""

from .patch_gastric import is_whole, make_patch_gastric
from .patches import draw_patch
from .whole_slide import write_slide_file

__all__ = ['draw_patch', 'is_whole', 'make_patch_gastric', 'write_slide_file']
