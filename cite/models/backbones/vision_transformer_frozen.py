from typing import Any

from mmcls.models.backbones import VisionTransformer as _VisionTransformer
from mmcls.models.builder import BACKBONES
from torch import Tensor

from .freezing import FreezingMixin, freeze


@BACKBONES.register_module()
class VisionTransformerFrozen(FreezingMixin, _VisionTransformer):
    """mmcls' ``VisionTransformer``, frozen; it returns the class token.

    Example::

        backbone=dict(
            type='VisionTransformerFrozen',
            arch='b',
            init_cfg=dict(type='Pretrained', checkpoint='models/moco.pth'))

    Args:
        *args: arguments of mmcls' ``VisionTransformer``; also by keyword. Only the
            first of ``out_indices`` counts.

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


def own_out_indices(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Copy ``out_indices`` out of a config: mmcls writes into the list it is given."""
    if isinstance(kwargs.get('out_indices'), (list, tuple)):
        kwargs['out_indices'] = list(kwargs['out_indices'])
    if not kwargs.get('with_cls_token', True):
        # mmcls would fail on its own default before our check.
        kwargs.setdefault('output_cls_token', False)
    return kwargs


def check_class_token(model: _VisionTransformer) -> None:
    """Raise a ``ValueError`` if a ViT has no class token, or no output."""
    name = type(model).__name__
    if not model.with_cls_token:
        raise ValueError(
            f'{name} needs the class token that it returns: remove '
            "with_cls_token=False, or use mmcls' VisionTransformer."
        )
    if max(model.out_indices) >= model.num_layers:
        raise ValueError(
            f'{name} has {model.num_layers} blocks, numbered 0 to '
            f'{model.num_layers - 1}; out_indices={list(model.out_indices)}.'
        )
