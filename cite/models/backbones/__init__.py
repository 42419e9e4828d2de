from .clip_image_backbone import CLIPImageBackbone, PromptedCLIPImageBackbone
from .feature_backbone import FeatureBackbone
from .intern_image import InternImage
from .timm_image_backbone import TIMMImageBackbone
from .transformers_image_backbone import TransformersImageBackbone
from .vision_transformer import PromptedVisionTransformer, VisionTransformerFrozen

__all__ = [
    'CLIPImageBackbone',
    'FeatureBackbone',
    'InternImage',
    'PromptedCLIPImageBackbone',
    'PromptedVisionTransformer',
    'TIMMImageBackbone',
    'TransformersImageBackbone',
    'VisionTransformerFrozen',
]
