"""The models that checkpoints can be converted to."""

from cite.apis.convert.target import Target

from .mmcls_vit import MMCLS_VIT
from .own_models import INTERN_IMAGE, OPENAI_CLIP
from .timm_model import BIT, CTRANSPATH, HIPT_4K
from .timm_vit import TIMM_VIT

# Their names for ``--to``; the first that fits a layout's family is its default.
TARGETS: dict[str, tuple[Target, ...]] = {
    'timm': (TIMM_VIT, BIT, CTRANSPATH, HIPT_4K),
    'mmcls': (MMCLS_VIT,),
    'clip': (OPENAI_CLIP,),
    'internimage': (INTERN_IMAGE,),
}
