from .clip_text_head import CLIPTextHead
from .my_linear_cls_head import MyLinearClsHead
from .text_embedding_head import TextEmbeddingHead
from .text_mil_head import TextMILHead

__all__ = ['CLIPTextHead', 'MyLinearClsHead', 'TextEmbeddingHead', 'TextMILHead']
