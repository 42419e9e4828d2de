from collections.abc import Sequence
from typing import Any, Union

from mmcls.models.builder import HEADS
from torch import Tensor

from cite.models.text_encoders import CLIPTextEncoder

from .text_buffer_head import TextBufferHead


@HEADS.register_module()
class CLIPTextHead(TextBufferHead):
    """Zero-shot classification by CLIP's own text tower and logit scale.

    Nothing in it is trained. The text tower is released once the texts are encoded.

    Source: Radford et al., *Learning Transferable Visual Models From Natural Language
    Supervision*, ICML 2021, section 3.1.

    Example::

        head=dict(
            type='CLIPTextHead', arch='ViT-B/16',
            texts=['A photo of a tumour', 'A photo of normal mucosa'])

    Args:
        arch: an OpenAI CLIP model name or the path of a checkpoint, the backbone's.
        texts: for each class, in the order of the labels, one description or a list
            of several, which are averaged; or the path of a YAML file of them.
        **kwargs: mmcls ``ClsHead``'s ``loss``, ``topk``, ``cal_acc`` and ``init_cfg``.
    """

    text_state = ('text_embeddings', 'text_source', 'logit_scale')

    def __init__(
        self,
        arch: str,
        texts: Union[str, Sequence[Union[str, Sequence[str]]]],
        **kwargs: Any,
    ) -> None:
        super().__init__(texts, CLIPTextEncoder(arch), **kwargs)

    def scale(self) -> Tensor:
        """Return CLIP's logit scale, 100 for OpenAI's models."""
        return self.logit_scale.exp()

    def _encode_flat(self, texts: list[str]) -> dict[str, Tensor]:
        encoded = self.text_encoder.encode(texts)
        if 'logit_scale' not in encoded:
            raise ValueError(
                f'{self.text_encoder.arch} has no logit_scale: it is the text tower '
                'alone. Name a whole CLIP (model.head.arch).'
            )
        return encoded

    def _check_width(self, width: int, text_width: int) -> None:
        if width != text_width:
            raise ValueError(
                f"the image features are {width} wide, CLIP's text embeddings "
                f'{text_width}. Set model.backbone.arch and model.head.arch to one '
                'CLIP model, and model.backbone.proj=True.'
            )
