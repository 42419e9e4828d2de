from collections.abc import Iterator
from typing import Any, Optional

from mmcls.models.builder import BACKBONES
from torch import Tensor, nn

from cite.core.messages import first_line
from cite.models.architectures.positions import patch_grid

from . import transformers_models
from .adapted_backbone import AdaptedBackbone

_MODEL = 'model.'


@BACKBONES.register_module()
class TransformersImageBackbone(AdaptedBackbone):
    """Any image model of Hugging Face transformers, as one vector per image.

    The vector is the class token after the last norm, or the mean over positions of
    models without one; a ViT's pooler is left out, and so is CLIP's projection. Plain
    vision transformers take any size that their patches tile.

    Example::

        backbone=dict(type='TransformersImageBackbone', model_name='owkin/phikon')

    Args:
        model_name: a hub name or a local folder.
        image_stats: see :class:`AdaptedBackbone`; by default that of the folder's
            ``preprocessor_config.json``.
        init_cfg: mmcv's initialisation.
        **adapt: arguments of :class:`AdaptedBackbone`.

    Raises:
        FileNotFoundError: no such model, neither here nor on the hub.
        ValueError: another architecture than transformers', or an option that does not
            exist or fit; in the forward pass, patches that do not tile the images.
    """

    def __init__(
        self,
        model_name: str,
        image_stats: Optional[dict[str, Any]] = None,
        init_cfg: Optional[dict[str, Any]] = None,
        **adapt: Any,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.model = transformers_models.create(model_name)
        self.weights_source = model_name
        self._patch, side = transformers_models.patch_and_side(self.model)
        blocks = transformers_models.blocks_of(self.model)
        tokens = None
        if blocks is not None:
            tokens = (self.model.config.hidden_size, len(blocks))
        self.adapt(model_name, side, tokens, **adapt)
        if self.prompts_tokens and blocks is not None:
            self._hook_blocks(blocks)
        self._register_state_dict_hook(_to_saved_names)
        self._register_load_state_dict_pre_hook(_from_saved_names, with_module=True)

    #: Tells how the images of a config of this backbone are prepared.
    image_stats = staticmethod(transformers_models.stats_of_folder)

    @property
    def num_extra_tokens(self) -> int:
        """Count the tokens in front of the patches' ones, for mmcls' Grad-CAM tool."""
        leading = transformers_models.prefix_tokens(self.model) or 0
        return leading + self.inserted_tokens

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) into features (N, D)."""
        if transformers_models.prefix_tokens(self.model) is not None:
            patch_grid(x, (self._patch, self._patch))
        x = self.frame(x)
        try:
            with self.full_on_cpu(x.device):
                output = self.model(x, **transformers_models.any_size(self.model))
                return transformers_models.read_out(self.model, output)
        # What an odd config.json leads to; a full memory is a RuntimeError.
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            raise ValueError(
                f'{self.weights_source}: the model of this config.json cannot encode '
                f'images: {first_line(error)[:300]}'
            ) from error

    def saved_name(self, name: str) -> str:
        """Return the name of a parameter in checkpoints: that of transformers 4."""
        if not name.startswith(_MODEL):
            return name
        inner = name[len(_MODEL) :]
        return _MODEL + transformers_models.saved_name(self.model, inner)

    def _hook_blocks(self, blocks: nn.ModuleList) -> None:
        """Insert prompts into each block's input; weights keep their names."""
        start = transformers_models.prefix_tokens(self.model) or 0

        def insert(number: int, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            if number == 0:
                self.settle_prompt(inputs[0])
            return (self.insert_prompt(inputs[0], number, start), *inputs[1:])

        for number, block in enumerate(blocks):
            block.register_forward_pre_hook(
                lambda _, inputs, number=number: insert(number, inputs)
            )


def _to_saved_names(
    backbone: TransformersImageBackbone, state: dict[str, Any], prefix: str, _: Any
) -> None:
    _rename(state, {prefix + k: prefix + v for k, v in _renamed(backbone)})


def _from_saved_names(
    backbone: TransformersImageBackbone, state: dict[str, Any], prefix: str, *_: Any
) -> None:
    _rename(state, {prefix + v: prefix + k for k, v in _renamed(backbone)})


def _renamed(backbone: TransformersImageBackbone) -> Iterator[tuple[str, str]]:
    """Yield the names that differ in checkpoints, and those there."""
    for name, _ in [*backbone.named_parameters(), *backbone.named_buffers()]:
        saved = backbone.saved_name(name)
        if saved != name:
            yield name, saved


def _rename(state: dict[str, Any], names: dict[str, str]) -> None:
    """Rename keys in place, in their order."""
    items = [(names.get(key, key), value) for key, value in state.items()]
    state.clear()
    state.update(items)
