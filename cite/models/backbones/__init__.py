from .clip_image_backbone import CLIPImageBackbone
from .feature_backbone import FeatureBackbone
from .prompted_clip_image_backbone import PromptedCLIPImageBackbone
from .prompted_vision_transformer import PromptedVisionTransformer
from .timm_image_backbone import TIMMImageBackbone
from .vision_transformer_frozen import VisionTransformerFrozen

__all__ = [
    'CLIPImageBackbone',
    'FeatureBackbone',
    'PromptedCLIPImageBackbone',
    'PromptedVisionTransformer',
    'TIMMImageBackbone',
    'VisionTransformerFrozen',
]
