import math
from collections.abc import Sequence
from typing import Any, Union

import torch
from mmcls.models.builder import HEADS, MODELS
from torch import Tensor, nn

from .text_buffer_head import TextBufferHead


@HEADS.register_module()
class TextEmbeddingHead(TextBufferHead):
    """Logits ``exp(temperature) * cos(image feature, text embedding)``.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Example::

        head=dict(
            type='TextEmbeddingHead',
            texts=['Well differentiated', 'Poorly differentiated'],
            text_encoder=dict(type='BERT'), temperature=4.6052)

    Args:
        texts: for each class, in the order of the labels, one description or a list
            of several, which are averaged; or the path of a YAML file of them.
        text_encoder: config of the text encoder.
        temperature: logarithm of the factor; CLIP's and CITE's is 4.6052, that of 100.
        learnable_t: train the temperature.
        float16: multiply in fp16 on a GPU. Parameters and loss stay fp32.
        **kwargs: mmcls ``ClsHead``'s ``loss``, ``topk``, ``cal_acc`` and ``init_cfg``.

    Raises:
        ValueError: texts that are not a list of different texts; in the forward pass,
            features of another width than the text embeddings; in loading, a
            checkpoint with other texts or of another language model.
    """

    def __init__(
        self,
        texts: Union[str, Sequence[Union[str, Sequence[str]]]],
        text_encoder: dict[str, Any],
        temperature: float = 1.0,
        learnable_t: bool = False,
        float16: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(texts, MODELS.build(text_encoder), float16, **kwargs)
        value = float(temperature)
        self.temperature = nn.Parameter(torch.tensor(value)) if learnable_t else value

    def scale(self) -> Union[float, Tensor]:
        """Return ``exp(temperature)``."""
        if isinstance(self.temperature, Tensor):
            return self.temperature.exp()
        return math.exp(self.temperature)
