from .base_text_encoder import BaseTextEncoder
from .bert import BERT
from .clip_text_encoder import CLIPTextEncoder
from .decoder_text_encoder import DecoderTextEncoder
from .fixed_vectors import FixedVectors
from .open_clip_text_encoder import OpenCLIPTextEncoder
from .random_vectors import RandomVectors
from .t5_encoder import T5Encoder
from .transformers_text_encoder import TransformersTextEncoder

__all__ = [
    'BERT',
    'BaseTextEncoder',
    'CLIPTextEncoder',
    'DecoderTextEncoder',
    'FixedVectors',
    'OpenCLIPTextEncoder',
    'RandomVectors',
    'T5Encoder',
    'TransformersTextEncoder',
]
