"""The layouts that can be read.

To add one, define a :class:`~cite.apis.convert.layout.Layout` in a module of this
folder and list it here.
"""

from cite.apis.convert.layout import Layout

from .augreg import AUGREG
from .ctranspath import CTRANSPATH
from .dino import DINO, HIPT_BY_NAME, HIPT_PATCH
from .dinov2 import DINOV2_HUB, DINOV2_TRANSFORMERS
from .hipt_region import HIPT_REGION
from .open_clip import OPEN_CLIP
from .remedis import REMEDIS
from .transformers_clip import TRANSFORMERS_CLIP
from .transformers_vit import TRANSFORMERS_VIT
from .wrapped import INTERNIMAGE, MAE, MOCO, OPEN_CLIP_TRUNK, TIMM_VIT

# Their names for ``--from``.
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

# Those that can be guessed, in this order.
GUESSED: tuple[Layout, ...] = (
    MOCO,
    REMEDIS,
    INTERNIMAGE,
    CTRANSPATH,
    DINOV2_HUB,
    DINOV2_TRANSFORMERS,
    TRANSFORMERS_VIT,
    AUGREG,
    OPEN_CLIP_TRUNK,
    OPEN_CLIP,
    TRANSFORMERS_CLIP,
    HIPT_REGION,
    HIPT_BY_NAME,
    DINO,
    MAE,
    TIMM_VIT,
)

__all__ = ['GUESSED', 'LAYOUTS']
