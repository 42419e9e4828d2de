"""Published image models that no library has; importing registers them with timm."""

from . import ctranspath, hipt, published, remedis
from .intern_image import InternImageModel

# Models whose name says whose weights they have, unlike timm's own without a tag.
NAMED = (
    'ctranspath',
    'hipt_4k',
    'remedis_50x1',
    'remedis_152x2',
    *published.MODELS,
)

__all__ = [
    'NAMED',
    'InternImageModel',
    'ctranspath',
    'hipt',
    'published',
    'remedis',
]
