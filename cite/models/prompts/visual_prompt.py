import warnings
from collections.abc import Sequence
from typing import Any, Optional

import torch
from mmcv.runner import BaseModule
from torch import Tensor, nn

from cite.core.messages import check_choice
from cite.models.precision import require_float

from .border import SIDES, add_border
from .tokens import INITS, add, init_prompt, prepend, token_mean

POSITIONS = ('prepend', 'add')


class VisualPrompt(BaseModule):
    """Learnable prompt tokens of a transformer backbone; a mix-in.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2; Jia et al., *Visual
    Prompt Tuning*, ECCV 2022, arXiv:2203.12119.

    A backbone names it before its other base class, calls :meth:`register_prompt` at
    the end of its constructor, and in its forward pass :meth:`settle_prompt` on the
    embedded tokens, then :meth:`insert_prompt` before every block.

    The state dict has ``prompt`` (n, L, D), with row i for block ``prompt_layers[i]``,
    and ``prompt_initialized``. Without the latter, a state dict's prompt counts as
    initialised, because the released code does not write it.
    """

    prompt: nn.Parameter
    prompt_initialized: Tensor
    prompt_layers: list[int]
    prompt_pos: str

    def register_prompt(
        self,
        width: int,
        depth: int,
        length: int = 1,
        layers: Optional[Sequence[int]] = None,
        pos: str = 'prepend',
        init: str = 'normal',
        positions: Sequence[str] = POSITIONS,
    ) -> None:
        """Create the prompt's parameter and state.

        Args:
            width: width D of the backbone's tokens.
            depth: number of the backbone's blocks.
            length: prompt tokens of a block, L; 0 leaves the backbone as it is.
            layers: numbers of the prompted blocks; the first one by default.
            pos: ``'prepend'`` (in front of the patch tokens; each listed block's tokens
                replace those of the listed block before) or ``'add'``.
            init: ``'normal'`` (std 0.02), ``'uniform'`` (±0.08), ``'zero'``,
                ``'kaiming'``, or ``'token'``: the mean of the first training batch's
                embedded tokens. Until then such a prompt is zero.
            positions: values of ``pos`` that this backbone supports.

        Raises:
            ValueError: an option that does not exist or does not fit the backbone.
        """
        self.prompt_pos = check_choice('prompt_pos', pos, positions)
        self.prompt_layers = check_layers(layers, depth)
        shape = (len(self.prompt_layers), check_length(length), width)
        self._create_prompt(shape, check_choice('prompt_init', init, INITS))

    def register_border(
        self,
        side: int,
        length: int,
        layers: Optional[Sequence[int]] = None,
        init: str = 'normal',
    ) -> None:
        """Create a padding prompt, ``prompt_pos='pad'``: a border in pixel space.

        The parameter ``prompt`` is (4, 3, L, S); see
        :func:`cite.models.prompts.border.add_border`.

        Args:
            side: side S of the images that the model is meant for, pixels.
            length: width of the border, L pixels; 0 leaves images as they are.
            layers: has no meaning here; ``None`` or ``[0]``.
            init: as in :meth:`register_prompt`, except ``'token'``.

        Raises:
            ValueError: an option that does not exist or has no meaning for a border.
        """
        if layers not in (None, [0], (0,)):
            raise ValueError(
                f"prompt_layers={list(layers)}, but prompt_pos='pad' is a border of "
                'the image and has no blocks. Leave prompt_layers out.'
            )
        if check_choice('prompt_init', init, INITS) == 'token':
            raise ValueError(
                "prompt_init='token' averages tokens, and prompt_pos='pad' is a border "
                "of the image. Choose 'normal', 'uniform', 'zero' or 'kaiming'."
            )
        self.prompt_pos, self.prompt_layers = 'pad', [0]
        self._create_prompt((len(SIDES), 3, check_length(length), side), init)

    def _create_prompt(self, shape: tuple[int, ...], init: str) -> None:
        prompt = torch.empty(shape)
        init_prompt(prompt, init)
        # Without elements there is nothing to train, and DDP would wait for a gradient.
        self.prompt = nn.Parameter(prompt, requires_grad=prompt.numel() > 0)
        self.register_buffer('prompt_initialized', torch.tensor(init != 'token'))

    @property
    def prompts_tokens(self) -> bool:
        """Tell whether there are prompts among the tokens."""
        return 'prompt' in self._parameters and self.prompt_pos != 'pad'

    @property
    def inserted_tokens(self) -> int:
        """Count the prompt tokens in front of the patches' tokens after insertion."""
        inserts = self.prompts_tokens and self.prompt_pos == 'prepend'
        return self.prompt.shape[1] if inserts else 0

    @property
    def awaits_batch(self) -> bool:
        """Tell whether the next training batch, as a whole, sets a ``token`` prompt."""
        awaits = self.prompts_tokens and not self._prompt_settled
        return awaits and not bool(self.prompt_initialized)

    def frame(self, images: Tensor) -> Tensor:
        """Add the padding prompt, if there is one, to images (N, 3, H, W)."""
        require_float(images)  # the border would turn bytes into floats
        if 'prompt' in self._parameters and self.prompt_pos == 'pad':
            return add_border(images, self.prompt) if self.prompt.numel() else images
        return images

    def settle_prompt(self, tokens: Tensor) -> None:
        """Set the first value of a ``token`` prompt from embedded tokens (N, T, D)."""
        if self._prompt_settled:  # reading the flag would wait for the GPU
            return
        self._prompt_settled = bool(self.prompt_initialized)
        if self._prompt_settled:
            return
        if self.training:
            self.prompt.data.copy_(token_mean(tokens))
            self.prompt_initialized.fill_(True)
        else:
            warnings.warn(
                "a prompt with prompt_init='token' gets its value from the first "
                'training batch; this one has seen none and is evaluated as zeros.',
                stacklevel=2,
            )

    def insert_prompt(self, tokens: Tensor, block: int, start: int = 1) -> Tensor:
        """Insert the prompt of a block, if it has one.

        Args:
            tokens: (N, T, D), the block's input.
            block: the block's number.
            start: number of leading tokens (class token, registers).

        Returns:
            (N, T', D).
        """
        length = self.prompt.shape[1]
        if block not in self.prompt_layers or not length:
            return tokens
        prompt = self.prompt[self.prompt_layers.index(block)]  # (L, D)
        if self.prompt_pos == 'add':
            return add(tokens, prompt, start)
        first = block == min(self.prompt_layers)
        return prepend(tokens, prompt, start, replaced=0 if first else length)

    def init_weights(self) -> None:
        """Initialise or load all but the prompt, which pretrained checkpoints lack."""
        self._prompt_optional = True
        try:
            super().init_weights()
        finally:
            self._prompt_optional = False

    _prompt_settled = False
    _prompt_optional = False

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any
    ) -> None:
        if 'prompt' in self._parameters:
            self._complete(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._prompt_settled = False

    def _complete(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        """Add the entries that a state dict may lack."""
        name, flag = prefix + 'prompt', prefix + 'prompt_initialized'
        if name not in state_dict:
            state_dict[flag] = self.prompt_initialized
            if self._prompt_optional:
                state_dict[name] = self.prompt.detach()
        elif state_dict[name].shape == self.prompt.shape:
            state_dict.setdefault(flag, torch.tensor(True))
        else:  # mmcv would only warn and keep the untrained prompt
            raise ValueError(
                f'the checkpoint has a prompt of shape {tuple(state_dict[name].shape)},'
                f' the model one of {tuple(self.prompt.shape)}: (blocks, length, width)'
                ' of tokens, (4, 3, length, side) of a border. Set model.backbone.'
                'prompt_pos, prompt_layers and prompt_length as in training.'
            )


def check_length(length: int) -> int:
    """Return a valid ``prompt_length``, or raise a ``ValueError``."""
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise ValueError(f'prompt_length is {length!r}; give 0 or more tokens.')
    return length


def check_layers(layers: Optional[Sequence[int]], depth: int) -> list[int]:
    """Return the numbers of the prompted blocks, by default ``[0]``.

    Raises:
        ValueError: no block, a block twice, or one outside the depth.
    """
    if layers is None:
        return [0]
    if isinstance(layers, int):
        raise ValueError(f'prompt_layers is {layers}; give a list: [{layers}].')
    layers = list(layers)
    wrong = [i for i in layers if not isinstance(i, int) or not 0 <= i < depth]
    if wrong:
        raise ValueError(
            f'prompt_layers={layers} names {wrong}, but this backbone has {depth} '
            f'blocks, numbered 0 to {depth - 1}.'
        )
    if not layers or len(set(layers)) < len(layers):
        raise ValueError(
            f'prompt_layers={layers}; list at least one block, and each once '
            f'(0 to {depth - 1}).'
        )
    return layers
