"""Small models with seeded random weights, in the file formats of the real ones."""

import cite  # noqa: F401  # clip cannot be imported before it

from .tiny_bert import tiny_bert
from .tiny_clip import tiny_clip

__all__ = ['tiny_bert', 'tiny_clip']
