"""Published image models that no library has; importing adds them to timm's registry.

timm's ``register_model`` is the one way to make ``timm.create_model`` know a model, so
the change of timm's module state on import is intended. It only adds names.
"""

from . import ctranspath, hipt, published
from .intern_image import InternImageModel

# Models whose name identifies their weights, unlike timm's own names without a tag.
NAMED = ('ctranspath', 'hipt_4k', *published.REMEDIS, *published.MODELS)

__all__ = ['NAMED', 'InternImageModel', 'ctranspath', 'hipt', 'published']
