from typing import Any

from mmcls.models.builder import HEADS
from mmcls.models.heads import LinearClsHead as _LinearClsHead
from torch import Tensor

from cite.models.class_token import class_token


@HEADS.register_module()
class MyLinearClsHead(_LinearClsHead):
    """mmcls' ``LinearClsHead`` for features of any precision.

    Its parameters are fp32, it computes under the surrounding autocast, and its loss is
    fp32.

    Example::

        head=dict(type='MyLinearClsHead', num_classes=3, in_channels=512)

    Args:
        *args: mmcls ``LinearClsHead``'s ``num_classes``, ``in_channels`` and others;
            also by keyword.
    """

    def pre_logits(self, x: Any) -> Tensor:
        """Pick the features (N, in_channels) out of the neck's or backbone's output."""
        return class_token(x)

    def forward(self, x: Any) -> Tensor:
        """Compute fp32 logits (N, num_classes)."""
        x = self.pre_logits(x)  # (N, in_channels)
        if x.shape[1] != self.in_channels:
            raise ValueError(
                f'the features are {x.shape[1]} wide, the head takes '
                f'{self.in_channels}. Set model.head.in_channels={x.shape[1]}.'
            )
        return self.fc(x.to(self.fc.weight.dtype)).float()

    def forward_train(self, x: Any, gt_label: Tensor, **kwargs: Any) -> dict[str, Any]:
        """Compute the losses of features and labels (N,)."""
        return self.loss(self(x), gt_label, **kwargs)

    def simple_test(
        self, x: Any, softmax: bool = True, post_process: bool = True
    ) -> Any:
        """Compute softmax scores or logits, see mmcls' ``ClsHead``."""
        return super(_LinearClsHead, self).simple_test(self(x), softmax, post_process)
