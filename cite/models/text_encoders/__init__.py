from .base_text_encoder import BaseTextEncoder
from .bert import BERT
from .clip_text_encoder import CLIPTextEncoder

__all__ = ['BERT', 'BaseTextEncoder', 'CLIPTextEncoder']
