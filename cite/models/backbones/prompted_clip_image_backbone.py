from collections.abc import Sequence
from typing import Any, Optional

from mmcls.models.builder import BACKBONES
from torch import Tensor

from cite.models.prompts import VisualPrompt

from .clip_image_backbone import CLIPImageBackbone


@BACKBONES.register_module()
class PromptedCLIPImageBackbone(VisualPrompt, CLIPImageBackbone):
    """CLIP's vision transformer with learnable visual prompt tokens.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Args:
        arch: an OpenAI CLIP model name or the path of a checkpoint; a ViT.
        prompt_length: prompt tokens of a block.
        prompt_layers: numbers of the prompted blocks, by default the first, ``[0]``.
        prompt_pos: ``'prepend'`` or ``'add'``.
        prompt_init: ``'normal'``, ``'uniform'``, ``'zero'``, ``'kaiming'`` or
            ``'token'``; see :meth:`cite.models.prompts.VisualPrompt.register_prompt`.
        **kwargs: those of :class:`CLIPImageBackbone`. The prompt is trained whatever
            ``fix`` says.

    Raises:
        ValueError: a ResNet, or a prompt option that does not exist or fit.
    """

    def __init__(
        self,
        arch: str,
        prompt_length: int = 1,
        prompt_layers: Optional[Sequence[int]] = None,
        prompt_pos: str = 'prepend',
        prompt_init: str = 'normal',
        **kwargs: Any,
    ) -> None:
        super().__init__(arch, **kwargs)
        if not self.is_vit:
            raise ValueError(
                f'arch={arch!r} is a ResNet, which has no tokens to prompt. Choose a '
                'ViT, or CLIPImageBackbone.'
            )
        self.register_prompt(
            width=self.model.conv1.out_channels,
            depth=len(self.model.transformer.resblocks),
            length=prompt_length,
            layers=prompt_layers,
            pos=prompt_pos,
            init=prompt_init,
        )

    def _run_blocks(self, tokens: Tensor) -> Tensor:
        self.settle_prompt(tokens)
        return super()._run_blocks(tokens)

    def _enter_block(self, tokens: Tensor, block: int) -> Tensor:
        return self.insert_prompt(tokens, block)
