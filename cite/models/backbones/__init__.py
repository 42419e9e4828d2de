from .clip_image_backbone import CLIPImageBackbone
from .feature_backbone import FeatureBackbone
from .intern_image import InternImage
from .prompted_clip_image_backbone import PromptedCLIPImageBackbone
from .prompted_vision_transformer import PromptedVisionTransformer
from .timm_image_backbone import TIMMImageBackbone
from .transformers_image_backbone import TransformersImageBackbone
from .vision_transformer_frozen import VisionTransformerFrozen

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
