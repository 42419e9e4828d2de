from typing import Any

from mmcls.models.backbones import VisionTransformer as _VisionTransformer
from mmcls.models.builder import BACKBONES
from torch import Tensor

from cite.core.frozen import FreezingMixin, freeze
from cite.models.precision import require_float


class ClassTokenViT(FreezingMixin, _VisionTransformer):
    """mmcls' vision transformer with a class token, frozen or not."""

    def __init__(self, *args: Any, fix: bool = True, **kwargs: Any) -> None:
        if isinstance(kwargs.get('out_indices'), (list, tuple)):
            # mmcls writes into the list that it is given.
            kwargs['out_indices'] = list(kwargs['out_indices'])
        if not kwargs.get('with_cls_token', True):
            # mmcls would fail on its own default before our check.
            kwargs.setdefault('output_cls_token', False)
        super().__init__(*args, **kwargs)
        name, depth = type(self).__name__, self.num_layers
        if not self.with_cls_token:
            raise ValueError(
                f'{name} needs the class token that it returns: remove '
                "with_cls_token=False, or use mmcls' VisionTransformer."
            )
        if max(self.out_indices) >= depth:
            raise ValueError(
                f'{name} has {depth} blocks, numbered 0 to {depth - 1}; '
                f'out_indices={list(self.out_indices)}.'
            )
        self.fix = fix
        if fix:
            freeze(self).train()


@BACKBONES.register_module()
class VisionTransformerFrozen(ClassTokenViT):
    """mmcls' ``VisionTransformer``, frozen; it returns the class token.

    Example::

        backbone=dict(
            type='VisionTransformerFrozen', arch='b',
            init_cfg=dict(type='Pretrained', checkpoint='models/moco.pth'))

    Args:
        *args: arguments of mmcls' ``VisionTransformer``; also by keyword. Only the
            first of ``out_indices`` counts.

    Raises:
        ValueError: ``with_cls_token=False``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.output_cls_token = True

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) into class tokens (N, D)."""
        require_float(x)
        _, class_token = super().forward(x)[0]
        return class_token
