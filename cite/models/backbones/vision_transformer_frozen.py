from typing import Any

from mmcls.models.backbones import VisionTransformer as _VisionTransformer
from mmcls.models.builder import BACKBONES
from torch import Tensor

from .freezing import FreezingMixin, freeze
from .mmcls_vit import check_class_token, own_out_indices


@BACKBONES.register_module()
class VisionTransformerFrozen(FreezingMixin, _VisionTransformer):
    """mmcls' ``VisionTransformer``, frozen; it returns the class token.

    Args:
        *args: mmcls' ``VisionTransformer``'s; also by keyword. Of several
            ``out_indices`` the first counts.

    Raises:
        ValueError: ``with_cls_token=False``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **own_out_indices(kwargs))
        check_class_token(self)
        self.output_cls_token = True
        self.fix = True
        freeze(self).train()

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) into class tokens (N, D)."""
        _, class_token = super().forward(x)[0]
        return class_token
