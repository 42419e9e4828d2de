from collections.abc import Sequence
from typing import Any, Optional

from mmcls.models.backbones.base_backbone import BaseBackbone
from mmcls.models.builder import BACKBONES
from torch import Tensor

from cite.models.prompts import VisualPrompt

from .freezing import FreezingMixin, freeze
from .image_size import patch_grid
from .timm_models import create, fill, is_plain_vit, pool


@BACKBONES.register_module()
class TIMMImageBackbone(VisualPrompt, FreezingMixin, BaseBackbone):
    """Any image model of timm, as one feature vector per image, with visual prompts.

    The vector is the class token, or the mean over positions where there is none. Plain
    vision transformers take any image size that their patches tile. The mean and std
    that images want are in ``timm.data.resolve_model_data_config(backbone.model)``.

    Args:
        model_name: timm's name of the model.
        checkpoint: path of its weights, in timm's names (safetensors or torch).
        pretrained: take the weights from timm's hub instead.
        fix: freeze all but the prompt; a frozen model stays in eval mode.
        prompt_length: prompt tokens of a block; 0 is without prompts. Only for plain
            vision transformers (timm's ``VisionTransformer``).
        prompt_layers: numbers of the prompted blocks, by default the first, ``[0]``.
        prompt_pos: ``'prepend'`` (after class token and registers) or ``'add'``.
        prompt_init: see :meth:`cite.models.prompts.VisualPrompt.register_prompt`.
        init_cfg: mmcv's.
        **kwargs: of the model, e.g. ``img_size``.

    Raises:
        ValueError: no such model, a checkpoint of another one, or a prompt option that
            does not exist or fit; in the forward pass, patches that do not tile the
            images.
        FileNotFoundError: no such file, or the hub's weights cannot be had.
    """

    def __init__(
        self,
        model_name: str,
        checkpoint: Optional[str] = None,
        pretrained: bool = False,
        fix: bool = True,
        prompt_length: int = 0,
        prompt_layers: Optional[Sequence[int]] = None,
        prompt_pos: str = 'prepend',
        prompt_init: str = 'normal',
        init_cfg: Optional[dict[str, Any]] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if checkpoint and pretrained:
            raise ValueError('give a checkpoint or pretrained=True, not both.')
        self.model = create(model_name, pretrained, **kwargs)
        if checkpoint:
            fill(self.model, checkpoint)
        self.weights_source = checkpoint or (
            f'timm:{model_name}' if pretrained else None
        )
        self.fix = fix
        if fix:
            freeze(self.model)
        if prompt_length:
            self._check_promptable(model_name)
            self.register_prompt(
                width=self.model.embed_dim,
                depth=len(self.model.blocks),
                length=prompt_length,
                layers=prompt_layers,
                pos=prompt_pos,
                init=prompt_init,
            )

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) into features (N, D)."""
        if is_plain_vit(self.model) and not self.model.patch_embed.dynamic_img_pad:
            patch_grid(x, self.model.patch_embed.patch_size)
        if 'prompt' not in self._parameters:
            return pool(self.model, self.model.forward_features(x))
        inserted = self.prompt.shape[1] if self.prompt_pos == 'prepend' else 0
        return pool(self.model, self._prompted_features(x), inserted)

    def init_weights(self) -> None:
        """Load ``init_cfg``, if any; timm models have initialised themselves.

        mmcv would have them draw their weights anew, over a loaded checkpoint.
        """
        if self.init_cfg:
            super().init_weights()

    def _prompted_features(self, images: Tensor) -> Tensor:
        """Run timm's plain vision transformer with prompts; returns (N, T, D)."""
        vit = self.model
        tokens = vit._pos_embed(vit.patch_embed(images))
        tokens = vit.norm_pre(vit.patch_drop(tokens))  # (N, T, D)
        self.settle_prompt(tokens)
        for i, block in enumerate(vit.blocks):
            tokens = block(self.insert_prompt(tokens, i, start=vit.num_prefix_tokens))
        return vit.norm(tokens)

    def _check_promptable(self, model_name: str) -> None:
        if not is_plain_vit(self.model):
            raise ValueError(
                f'{model_name} is a {type(self.model).__name__}; prompt tokens stand '
                "in plain vision transformers (timm's VisionTransformer) only. Set "
                'prompt_length=0.'
            )
