"""The layouts that can be read.

A new one is a module that defines a :class:`~cite.apis.convert.layout.Layout`, and its
line here.
"""

from ..layout import Layout
from .augreg import AUGREG
from .dino import DINO
from .mae import MAE
from .moco import MOCO
from .open_clip import OPEN_CLIP
from .timm_vit import TIMM_VIT
from .transformers_clip import TRANSFORMERS_CLIP
from .transformers_vit import TRANSFORMERS_VIT

# What ``--from`` calls them, in the order in which they are guessed.
LAYOUTS: dict[str, tuple[Layout, ...]] = {
    'moco': (MOCO,),
    'vit': (TRANSFORMERS_VIT, AUGREG),
    'clip': (OPEN_CLIP, TRANSFORMERS_CLIP),
    'dino': (DINO,),
    'hipt': (DINO,),
    'mae': (MAE,),
    'retfound': (MAE,),
    'timm': (TIMM_VIT,),
}

__all__ = ['LAYOUTS']
