from .base_text_encoder import BaseTextEncoder
from .clip_text_encoder import CLIPTextEncoder
from .language_encoders import BERT, DecoderTextEncoder, T5Encoder
from .open_clip_text_encoder import OpenCLIPTextEncoder
from .random_vectors import RandomVectors
from .transformers_text_encoder import TransformersTextEncoder

__all__ = [
    'BERT',
    'BaseTextEncoder',
    'CLIPTextEncoder',
    'DecoderTextEncoder',
    'OpenCLIPTextEncoder',
    'RandomVectors',
    'T5Encoder',
    'TransformersTextEncoder',
]
