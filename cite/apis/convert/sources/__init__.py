"""The layouts that can be read.

To add one, define a :class:`~cite.apis.convert.layout.Layout` in a module of this
folder and list it here.
"""

from cite.apis.convert.layout import Layout

from .augreg import AUGREG
from .dino import DINO, HIPT_BY_NAME, HIPT_PATCH, HIPT_REGION
from .dinov2 import DINOV2_HUB, DINOV2_TRANSFORMERS
from .open_clip import OPEN_CLIP
from .remedis import REMEDIS
from .transformers_clip import TRANSFORMERS_CLIP
from .transformers_vit import TRANSFORMERS_VIT
from .wrapped import CTRANSPATH, INTERNIMAGE, MAE, MOCO, OPEN_CLIP_TRUNK, TIMM_VIT

# Their names for ``--from``, in the order in which they are guessed.
LAYOUTS: dict[str, tuple[Layout, ...]] = {
    'moco': (MOCO,),
    'remedis': (REMEDIS,),
    'internimage': (INTERNIMAGE,),
    'ctranspath': (CTRANSPATH,),
    'dinov2': (DINOV2_HUB, DINOV2_TRANSFORMERS),
    'vit': (TRANSFORMERS_VIT, AUGREG),
    'clip': (OPEN_CLIP_TRUNK, OPEN_CLIP, TRANSFORMERS_CLIP),
    'hipt': (HIPT_REGION, HIPT_PATCH),
    'dino': (DINO,),
    'mae': (MAE,),
    'retfound': (MAE,),
    'timm': (TIMM_VIT,),
}

# HIPT's ViT-256 is guessed by the name of its file.
GUESSED: tuple[Layout, ...] = tuple(
    HIPT_BY_NAME if layout is HIPT_PATCH else layout
    for layouts in LAYOUTS.values()
    for layout in layouts
)
