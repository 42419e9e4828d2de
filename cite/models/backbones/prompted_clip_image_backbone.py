from collections.abc import Sequence
from typing import Any, Optional

from mmcls.models.builder import BACKBONES
from torch import Tensor

from cite.models.lora import add_lora, train_dropout
from cite.models.prompts import VisualPrompt

from .clip_image_backbone import CLIPImageBackbone


@BACKBONES.register_module()
class PromptedCLIPImageBackbone(VisualPrompt, CLIPImageBackbone):
    """CLIP's image tower with learnable visual prompts, LoRA, or both.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Args:
        arch: an OpenAI CLIP model name or the path of a checkpoint; prompt tokens need
            a ViT.
        prompt_length: prompt tokens of a block, or width of the border in pixels.
        prompt_layers: numbers of the prompted blocks, by default the first, ``[0]``.
        prompt_pos: ``'prepend'`` or ``'add'``; ``'pad'``, a learnable border of the
            image, in ResNets too.
        prompt_init: ``'normal'``, ``'uniform'``, ``'zero'``, ``'kaiming'`` or
            ``'token'``; see :meth:`cite.models.prompts.VisualPrompt.register_prompt`.
        lora: options of peft's ``LoraConfig``, e.g. ``dict(r=8)``.
        **kwargs: those of :class:`CLIPImageBackbone`. The prompt is trained whatever
            ``fix`` says.

    Raises:
        ValueError: tokens in a ResNet, or an option that does not exist or fit.
    """

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
        if lora:
            if not self.fix:
                raise ValueError('lora adapts a frozen CLIP: leave fix=False out.')
            add_lora(self.model, lora)
        if prompt_pos == 'pad':
            side = self.model.input_resolution
            self.register_border(side, prompt_length, prompt_layers, prompt_init)
            return
        if not self.is_vit:
            raise ValueError(
                f'arch={arch!r} is a ResNet, which has no tokens to prompt. Choose a '
                "ViT, prompt_pos='pad' (a border of prompt_length pixels), or "
                'CLIPImageBackbone.'
            )
        self.register_prompt(
            width=self.model.conv1.out_channels,
            depth=len(self.model.transformer.resblocks),
            length=prompt_length,
            layers=prompt_layers,
            pos=prompt_pos,
            init=prompt_init,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) into features (N, D)."""
        return super().forward(self.frame(x))

    def train(self, mode: bool = True) -> Any:
        """Set the mode; a frozen CLIP stays in eval mode, LoRA's dropout not."""
        super().train(mode)
        train_dropout(getattr(self, 'model', None), mode)
        return self

    def _run_blocks(self, tokens: Tensor) -> Tensor:
        if self.prompts_tokens:
            self.settle_prompt(tokens)
        return super()._run_blocks(tokens)

    def _enter_block(self, tokens: Tensor, block: int) -> Tensor:
        return self.insert_prompt(tokens, block) if self.prompts_tokens else tokens
