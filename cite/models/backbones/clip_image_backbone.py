from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Optional

from clip.model import VisionTransformer
from mmcls.models.backbones.base_backbone import BaseBackbone
from mmcls.models.builder import BACKBONES
from mmcls.utils import get_root_logger
from torch import Tensor

from cite.core.files.clip_files import input_size
from cite.core.frozen import FreezingMixin, freeze
from cite.core.image_stats import OPENAI_CLIP, ImageStats
from cite.models.precision import full_precision, require_float, require_full_weights

from .clip_towers import embed, encode_by_resnet, read_out, run_block
from .clip_weights import load_visual


@BACKBONES.register_module()
class CLIPImageBackbone(FreezingMixin, BaseBackbone):
    """OpenAI CLIP's image tower: a vision transformer or a ResNet.

    It takes images of any size: CLIP's position embedding is interpolated.

    Source: Radford et al., *Learning Transferable Visual Models From Natural Language
    Supervision*, ICML 2021.

    Example::

        backbone=dict(type='CLIPImageBackbone', arch='ViT-B/16', proj=True)

    Args:
        arch: an OpenAI CLIP model name (``'ViT-B/16'``) or the path of a checkpoint.
        fix: freeze the tower and keep it in eval mode.
        proj: end in CLIP's projection to the width shared with text (512 for ViT-B/16),
            not in the transformer's own width (768). A ResNet's attention pool always
            projects.
        float32: compute in fp32 even under autocast.
        init_cfg: mmcv's initialisation; not needed, because ``arch`` has weights.

    Raises:
        FileNotFoundError: no such model or file, or it cannot be downloaded.
        ValueError: the file is not an OpenAI CLIP checkpoint; in the forward pass,
            patches that do not tile the images.
    """

    def __init__(
        self,
        arch: str,
        fix: bool = True,
        proj: bool = True,
        float32: bool = False,
        init_cfg: Optional[dict[str, Any]] = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.model = load_visual(arch)
        self.weights_source = arch
        self.fix = fix
        self.float32 = float32
        if fix:
            freeze(self.model)
        if not proj and self.is_vit:
            self.model.proj = None
        elif not proj:
            get_root_logger().info(
                'proj=False has no effect on a CLIP ResNet: its attention pool ends in '
                'the projection.'
            )

    @classmethod
    def image_stats(cls, config: Mapping[str, Any]) -> ImageStats:
        """Return how the images of a config of this backbone are prepared."""
        return replace(OPENAI_CLIP, size=input_size(config['arch']))

    @property
    def is_vit(self) -> bool:
        """Tell a vision transformer from a ResNet."""
        return isinstance(self.model, VisionTransformer)

    @property
    def num_extra_tokens(self) -> int:
        """Count the tokens in front of the patches' ones, for mmcls' Grad-CAM tool."""
        return 1 if self.is_vit else 0

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) into features (N, D)."""
        require_float(x)  # the cast below would take bytes too
        if self.is_vit:
            require_full_weights(self.model.ln_pre.weight)
        with full_precision(x.device) if self.float32 else nullcontext():
            x = x.to(self.model.conv1.weight.dtype)
            if not self.is_vit:
                return encode_by_resnet(self.model, x)
            tokens = embed(self.model, x)  # (N, T, D)
            return read_out(self.model, self._run_blocks(tokens))

    def _run_blocks(self, tokens: Tensor) -> Tensor:
        blocks = self.model.transformer.resblocks
        for i, block in enumerate(blocks):
            tokens = self._enter_block(tokens, i)  # (N, T, D)
            tokens = run_block(block, tokens, class_only=i == len(blocks) - 1)
        return tokens  # (N, 1, D): the class token

    def _enter_block(self, tokens: Tensor, block: int) -> Tensor:
        """Change the tokens before a block; here they stay as they are."""
        return tokens
