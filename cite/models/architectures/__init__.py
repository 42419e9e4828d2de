"""Published image models that no library has; importing registers them with timm."""

from . import ctranspath, hipt
from .intern_image import InternImageModel

__all__ = ['InternImageModel', 'ctranspath', 'hipt']
