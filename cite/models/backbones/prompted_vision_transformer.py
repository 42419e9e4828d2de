from collections.abc import Sequence
from typing import Any, Optional

import torch
from mmcls.models.builder import BACKBONES
from mmcls.models.utils import resize_pos_embed
from torch import Tensor

from cite.models.precision import require_float
from cite.models.prompts import VisualPrompt

from .vision_transformer_frozen import ClassTokenViT

_CLASS_TOKEN = 1  # the tokens that have a position and are not of a patch


@BACKBONES.register_module()
class PromptedVisionTransformer(VisualPrompt, ClassTokenViT):
    """mmcls' ``VisionTransformer`` with learnable visual prompt tokens.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Example::

        backbone=dict(
            type='PromptedVisionTransformer', arch='b', prompt_length=1,
            init_cfg=dict(type='Pretrained', checkpoint='models/moco.pth'))

    Args:
        prompt_length: prompt tokens of a block.
        prompt_layers: numbers of the prompted blocks, by default the first, ``[0]``.
        prompt_pos: ``'prepend'``.
        prompt_init: see :meth:`cite.models.prompts.VisualPrompt.register_prompt`.
        fix: freeze all but the prompt; frozen parts stay in eval mode.
        *args: arguments of mmcls' ``VisionTransformer``; also by keyword.

    Raises:
        ValueError: ``with_cls_token=False``, or a prompt option that does not exist or
            fit.
    """

    def __init__(
        self,
        prompt_length: int = 1,
        prompt_layers: Optional[Sequence[int]] = None,
        prompt_pos: str = 'prepend',
        prompt_init: str = 'normal',
        fix: bool = True,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, fix=fix, **kwargs)
        prompt = (prompt_length, prompt_layers, prompt_pos, prompt_init)
        positions = ('prepend',)
        self.register_prompt(self.embed_dims, self.num_layers, *prompt, positions)
        # mmcls' Grad-CAM tool reads it to find the patches' tokens.
        self.num_extra_tokens = _CLASS_TOKEN + self.inserted_tokens

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images (N, 3, H, W) into a class token (N, D) for each out index."""
        require_float(x)
        tokens = self._embed(x)  # (N, T, D)
        self.settle_prompt(tokens)
        class_tokens = []
        for i, layer in enumerate(self.layers):
            tokens = layer(self.insert_prompt(tokens, i))
            if i in self.out_indices:
                last = self.final_norm and i == self.num_layers - 1
                class_tokens.append((self.norm1(tokens) if last else tokens)[:, 0])
        return tuple(class_tokens)

    def _embed(self, images: Tensor) -> Tensor:
        """Turn images into the first block's tokens, as mmcls does."""
        patches, grid = self.patch_embed(images)
        class_token = self.cls_token.expand(patches.shape[0], -1, -1)
        tokens = torch.cat([class_token, patches], dim=1)
        sizes = (self.patch_resolution, grid)
        options = (self.interpolate_mode, _CLASS_TOKEN)
        positions = resize_pos_embed(self.pos_embed, *sizes, *options)
        return self.drop_after_pos(tokens + positions)

    def _prepare_pos_embed(self, *args: Any, **kwargs: Any) -> None:
        """Resize a checkpoint's positions, of which the prompt has none."""
        extra_tokens, self.num_extra_tokens = self.num_extra_tokens, _CLASS_TOKEN
        try:
            super()._prepare_pos_embed(*args, **kwargs)
        finally:
            self.num_extra_tokens = extra_tokens
