import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Union

from mmcls.models.heads import ClsHead as _ClsHead
from torch import Tensor

from cite.models.class_token import class_token
from cite.models.precision import full_precision, half_on_gpu

from .caption_file import read_caption_file
from .text_source import check_texts
from .text_state import TextState

# Shorter vectors have no meaningful direction.
_SHORTEST = 1e-8


class TextBufferHead(TextState, _ClsHead):
    """Classify by the cosine between image features and text embeddings.

    :class:`.text_state.TextState` encodes the texts and keeps them in checkpoints.

    Args:
        texts: for each class, in the order of the labels, one description or a list
            of several, which are averaged; or the path of a YAML file of them.
        text_encoder: a :class:`cite.models.text_encoders.BaseTextEncoder`, or another
            function that turns K texts into (K, D).
        float16: multiply in fp16 on a GPU. The loss stays fp32.
        **kwargs: mmcls ``ClsHead``'s ``loss``, ``topk``, ``cal_acc`` and ``init_cfg``.
    """

    def __init__(
        self,
        texts: Union[str, Sequence[Union[str, Sequence[str]]]],
        text_encoder: Any,
        float16: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.register_texts(check_texts(texts), text_encoder)
        # A file of texts names the classes, whose order the data must have, too.
        self.text_classes = None
        if isinstance(texts, str):
            self.text_classes = [*read_caption_file(texts)]
        self.num_classes = len(self.texts)
        self.float16 = float16

    @abstractmethod
    def scale(self) -> Union[float, Tensor]:
        """Return the factor of the cosine."""

    def pre_logits(self, x: Any) -> Tensor:
        """Pick the features (N, D) out of the neck's or backbone's output."""
        return class_token(x)

    def forward(self, x: Any) -> Tensor:
        """Compute fp32 logits (N, K)."""
        x = self.pre_logits(x)  # (N, D)
        self._check_width(x.shape[1], self.encode_texts().shape[1])
        self.move_texts(x.device)
        half = half_on_gpu(self.float16, x.device)
        return cosine_logits(x, self.text_embeddings, self.scale(), half)

    def forward_train(self, x: Any, gt_label: Tensor, **kwargs: Any) -> dict[str, Any]:
        """Compute the losses of features and labels (N,)."""
        self._check_labels(gt_label)
        return self.loss(self(x), gt_label, **kwargs)

    def simple_test(
        self, x: Any, softmax: bool = True, post_process: bool = True
    ) -> Any:
        """Compute softmax scores or logits, see mmcls' ``ClsHead``."""
        return super().simple_test(self(x), softmax, post_process)

    def _check_width(self, width: int, text_width: int) -> None:
        if width != text_width:
            raise ValueError(
                f'the image features are {width} wide, the text embeddings '
                f'{text_width}. Set model.neck.out_features={text_width}, or to None, '
                'which finds it, or choose another model.head.text_encoder.model.'
            )

    def _check_labels(self, gt_label: Tensor) -> None:
        # On a GPU this would wait for the device at every step.
        if gt_label.device.type != 'cpu' or gt_label.dim() != 1 or not len(gt_label):
            return
        highest = int(gt_label.max())
        if highest >= self.num_classes:
            raise ValueError(
                f'a label is {highest}, but model.head.texts has {self.num_classes} '
                f'texts, for labels 0 to {self.num_classes - 1}. Give one text per '
                'class, in the order of the classes.'
            )


def cosine_logits(
    features: Tensor,
    embeddings: Tensor,
    scale: Union[float, Tensor],
    half: bool = False,
) -> Tensor:
    """Compute ``scale * cos(feature, embedding)`` in fp32, under any autocast.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Args:
        features: image features (N, D), of any precision.
        embeddings: text embeddings (K, D).
        scale: factor of the cosine.
        half: multiply the unit vectors in fp16 (on a GPU).

    Returns:
        logits (N, K), fp32. A feature of length zero gets zeros, and no gradient.
    """
    with full_precision(features.device):
        x = _unit(features.float())  # (N, D)
        w = _unit(embeddings.float())  # (K, D)
        cosine = (x.half() @ w.half().t()).float() if half else x @ w.t()  # (N, K)
        return scale * cosine


def _unit(x: Tensor) -> Tensor:
    norm = x.norm(dim=-1, keepdim=True)
    return x / norm.masked_fill(norm < _SHORTEST, math.inf)
