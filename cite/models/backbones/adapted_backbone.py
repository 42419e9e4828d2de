from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Optional

import torch
from mmcls.models.backbones.base_backbone import BaseBackbone

from cite.core.frozen import FreezingMixin, freeze
from cite.models.lora import add_lora, train_dropout
from cite.models.precision import full_precision
from cite.models.prompts import VisualPrompt


class AdaptedBackbone(VisualPrompt, FreezingMixin, BaseBackbone):
    """Adapt another library's frozen model by prompts, a border or LoRA; a base class.

    A subclass builds its model and calls :meth:`adapt`; in its forward pass it calls
    :meth:`frame` on the images and, where there are tokens, the methods of
    :class:`~cite.models.prompts.VisualPrompt`. The arguments of its configs:

    Args:
        fix: freeze all but prompt and adapters; frozen parts stay in eval mode.
        prompt_length: prompt tokens of a block, or width of the border in pixels; 0
            for no prompts.
        prompt_layers: numbers of the prompted blocks, by default the first, ``[0]``.
        prompt_pos: ``'prepend'`` (after class token and registers) or ``'add'`` in
            plain vision transformers; ``'pad'`` (a learnable border of the image) in
            any model.
        prompt_init: see :meth:`cite.models.prompts.VisualPrompt.register_prompt`.
        lora: options of peft's ``LoraConfig``, e.g. ``dict(r=8)``; trained beside or
            instead of prompts.
        image_stats: ``mean``, ``std``, ``interpolation`` and ``size`` of the images
            that the weights were trained on, unless the weights or their name tell;
            see :func:`cite.models.image_stats.image_stats`.
    """

    model: Any
    _keeps_empty_prompt = False

    def adapt(
        self,
        name: str,
        side: int,
        tokens: Optional[tuple[int, int]] = None,
        fix: bool = True,
        lora: Optional[Mapping[str, Any]] = None,
        prompt_length: int = 0,
        prompt_layers: Optional[Sequence[int]] = None,
        prompt_pos: str = 'prepend',
        prompt_init: str = 'normal',
    ) -> None:
        """Freeze ``self.model`` and add the trained parts.

        Args:
            name: name of the model, for messages.
            side: side of the images that the model is meant for, pixels.
            tokens: width and number of blocks of a plain vision transformer.
            fix, lora, prompt_length, …: see the class.
        """
        self.fix = fix
        self._is_plain_vit = tokens is not None
        if fix:
            freeze(self.model)
        if lora:
            if not fix:
                raise ValueError(
                    f'{name} has lora and fix=False: LoRA adapts a frozen model. '
                    'Choose one.'
                )
            add_lora(self.model, lora)
        if not prompt_length and not self._keeps_empty_prompt:
            return
        if prompt_pos == 'pad':
            self.register_border(side, prompt_length, prompt_layers, prompt_init)
        elif tokens is not None:
            width, depth = tokens
            self.register_prompt(
                width, depth, prompt_length, prompt_layers, prompt_pos, prompt_init
            )
        else:
            raise ValueError(
                f'{name} is a {type(self.model).__name__}; only plain vision '
                "transformers take prompt tokens. Set prompt_pos='pad', with "
                'prompt_length the width of a border in pixels and prompt_init '
                'another than token; or use no prompt (prompt_length=0).'
            )

    def full_on_cpu(self, device: torch.device) -> AbstractContextManager:
        """Return a context without autocast for all but plain ViTs on a CPU.

        A plain vision transformer's tokens stay fp32 from block to block. Others' maps
        would be rounded at every layer, and norms of torch 1.13 refuse bf16.
        """
        full = device.type == 'cpu' and not self._is_plain_vit
        return full_precision(device) if full else nullcontext()

    def train(self, mode: bool = True) -> Any:
        """Set the mode; frozen children stay in eval mode, adapters' dropout not."""
        super().train(mode)
        train_dropout(getattr(self, 'model', None), mode)
        return self

    def init_weights(self) -> None:
        """Load ``init_cfg``, if any; mmcv would also draw all weights anew."""
        if self.init_cfg:
            super().init_weights()
