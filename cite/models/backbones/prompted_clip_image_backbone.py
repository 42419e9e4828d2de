from collections.abc import Sequence
from typing import Any, Optional

from mmcls.models.builder import BACKBONES
from torch import Tensor

from .adapted_backbone import AdaptedBackbone
from .clip_image_backbone import CLIPImageBackbone


@BACKBONES.register_module()
class PromptedCLIPImageBackbone(AdaptedBackbone, CLIPImageBackbone):
    """CLIP's image tower with learnable visual prompts, LoRA, or both.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Example::

        backbone=dict(
            type='PromptedCLIPImageBackbone', arch='ViT-B/16', prompt_init='token')

    Args:
        arch: an OpenAI CLIP model name or the path of a checkpoint; prompt tokens need
            a ViT.
        prompt_length, prompt_layers, prompt_pos, prompt_init, lora: see
            :class:`AdaptedBackbone`; only ``prompt_pos='pad'`` fits ResNets.
        **kwargs: arguments of :class:`CLIPImageBackbone`. ``fix`` does not freeze the
            prompt.

    Raises:
        ValueError: tokens in a ResNet, or an option that does not exist or fit.
    """

    _keeps_empty_prompt = True  # released checkpoints have the parameter

    def __init__(
        self,
        arch: str,
        prompt_length: int = 1,
        prompt_layers: Optional[Sequence[int]] = None,
        prompt_pos: str = 'prepend',
        prompt_init: str = 'normal',
        lora: Optional[dict[str, Any]] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(arch, **kwargs)
        side, tokens = self.model.input_resolution, None
        if self.is_vit:
            blocks = self.model.transformer.resblocks
            tokens = (self.model.conv1.out_channels, len(blocks))
        prompt = (prompt_length, prompt_layers, prompt_pos, prompt_init)
        self.adapt(arch, side, tokens, self.fix, lora, *prompt)

    @property
    def num_extra_tokens(self) -> int:
        """Count the tokens in front of the patches' ones, for mmcls' Grad-CAM tool."""
        return super().num_extra_tokens + self.inserted_tokens

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) into features (N, D)."""
        return super().forward(self.frame(x))

    def _run_blocks(self, tokens: Tensor) -> Tensor:
        if self.prompts_tokens:
            self.settle_prompt(tokens)
        return super()._run_blocks(tokens)

    def _enter_block(self, tokens: Tensor, block: int) -> Tensor:
        return self.insert_prompt(tokens, block) if self.prompts_tokens else tokens
