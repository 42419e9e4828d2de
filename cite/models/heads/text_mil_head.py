from typing import Any

from mmcls.models.builder import HEADS
from torch import Tensor
from torch.nn import functional as F

from cite.models.precision import full_precision

from .text_embedding_head import TextEmbeddingHead
from .text_pooling import TextPooling


@HEADS.register_module()
class TextMILHead(TextEmbeddingHead):
    """Classify slides by their patches' features and the class texts: CITE on bags.

    :class:`.text_pooling.TextPooling` has the formulas. The loss is the cross-entropy
    of the slides plus ``decay`` times the squared distance of the projection from its
    start, the identity.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2, for the projection
    and the cosine with the texts.

    Example::

        model = dict(
            type='CITEClassifier',
            backbone=dict(type='FeatureBackbone'),
            head=dict(
                type='TextMILHead', in_features=512, texts=TEXTS,
                temperature=4.6052, text_encoder=dict(type='BERT')))
        data = dict(train=dict(type='SlideBags', feature_file='features/uni', …))

    Args:
        *args, **kwargs: arguments of :class:`TextEmbeddingHead`.
        in_features: width of the patches' features.
        prior: let the classes share one attention.
        decay: weight of the distance of the projection from its start.
    """

    def __init__(
        self,
        *args: Any,
        in_features: int,
        prior: bool = False,
        decay: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.decay = decay
        self.pooling = TextPooling(in_features, self.text_width(), prior)

    def forward(self, x: Any) -> Tensor:
        """Compute fp32 logits (B, K) of features (B, n, D) or, of one slide, (n, D)."""
        bags = x[-1] if isinstance(x, (tuple, list)) else x
        bags = bags[None] if bags.dim() == 2 else bags
        expected = self.pooling.proj.in_features
        if bags.shape[2] != expected:
            raise ValueError(
                f'the features are {bags.shape[2]} wide, the head takes {expected}. '
                f'Set model.head.in_features={bags.shape[2]}.'
            )
        self.encode_texts()
        self.move_texts(bags.device)
        texts: Any = self.text_embeddings
        with full_precision(bags.device):
            unit = F.normalize(texts.float(), dim=1)
            return self.pooling(bags.float(), unit, self.scale())

    def loss(self, cls_score: Tensor, gt_label: Tensor, **kwargs: Any) -> dict:
        """Add the distance of the projection from its start to the losses."""
        losses = super().loss(cls_score, gt_label, **kwargs)
        return {**losses, 'loss_drift': self.decay * self.pooling.drift()}
