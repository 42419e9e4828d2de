from .base_text_encoder import BaseTextEncoder
from .bert import BERT
from .clip_text_encoder import CLIPTextEncoder
from .random_vectors import RandomVectors

__all__ = ['BERT', 'BaseTextEncoder', 'CLIPTextEncoder', 'RandomVectors']
