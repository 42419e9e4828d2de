from typing import Any, Optional

from mmcls.models.builder import BACKBONES
from torch import Tensor

from .adapted_backbone import AdaptedBackbone
from .image_size import patch_grid
from .timm_models import UNUSED, create, image_side, is_plain_vit, pool, stats_of_name
from .weights_files import fill_model

# Arguments of `adapt`; the others in a config are the model's.
_ADAPT = ('fix', 'lora', 'prompt_length', 'prompt_layers', 'prompt_pos', 'prompt_init')


@BACKBONES.register_module()
class TIMMImageBackbone(AdaptedBackbone):
    """Any image model of timm, as one feature vector per image, with prompts or LoRA.

    The vector is the class token, or the mean over positions of models without one.
    Plain vision transformers take any image size that their patches tile. Besides
    timm's own models there are those of :mod:`cite.models.architectures`:
    ``ctranspath``, ``hipt_4k``, ``uni``, ``virchow``, ….

    Example::

        backbone=dict(
            type='TIMMImageBackbone', model_name='uni', checkpoint='uni.safetensors')

    Args:
        model_name: timm's name of the model, with its tag (``.dino``) if it has one:
            the tag determines mean and std of the images.
        checkpoint: path of its weights, in timm's names (safetensors or torch), as
            ``cite convert`` writes them.
        pretrained: take the weights from timm's hub instead.
        image_stats: see :class:`AdaptedBackbone`.
        init_cfg: mmcv's initialisation.
        **kwargs: arguments of :class:`AdaptedBackbone`; ``norm_eps``, the epsilon of a
            vision transformer's layer norms; ``mlp_layer='swiglu'``, the gated
            feed-forward network of DINOv2's giant; or the model's, e.g. ``img_size``.

    Raises:
        ValueError: no such model, a checkpoint of another one, or an option that does
            not exist or fit; in the forward pass, patches that do not tile the images.
        FileNotFoundError: no such file, or the hub does not give the weights.
    """

    def __init__(
        self,
        model_name: str,
        checkpoint: Optional[str] = None,
        pretrained: bool = False,
        image_stats: Optional[dict[str, Any]] = None,
        init_cfg: Optional[dict[str, Any]] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if checkpoint and pretrained:
            raise ValueError('give a checkpoint or pretrained=True, not both.')
        adapt = {name: kwargs.pop(name) for name in _ADAPT if name in kwargs}
        self.model = create(model_name, pretrained, **kwargs)
        if checkpoint:
            fill_model(self.model, checkpoint, UNUSED)
        hub_name = f'timm:{model_name}' if pretrained else None
        self.weights_source = checkpoint or hub_name
        tokens = None
        if is_plain_vit(self.model):
            tokens = (self.model.embed_dim, len(self.model.blocks))
        self.adapt(model_name, image_side(self.model), tokens, **adapt)

    #: Tells how the images of a config of this backbone are prepared.
    image_stats = staticmethod(stats_of_name)

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) into features (N, D)."""
        if is_plain_vit(self.model) and not self.model.patch_embed.dynamic_img_pad:
            patch_grid(x, self.model.patch_embed.patch_size)
        x = self.frame(x)
        if not self.prompts_tokens:
            with self.full_on_cpu(x.device):
                return pool(self.model, self.model.forward_features(x))
        inserted = self.prompt.shape[1] if self.prompt_pos == 'prepend' else 0
        return pool(self.model, self._prompted_features(x), inserted)

    def _prompted_features(self, images: Tensor) -> Tensor:
        """Run timm's plain vision transformer with prompts; returns (N, T, D)."""
        vit = self.model
        tokens = vit._pos_embed(vit.patch_embed(images))
        tokens = vit.norm_pre(vit.patch_drop(tokens))  # (N, T, D)
        self.settle_prompt(tokens)
        for i, block in enumerate(vit.blocks):
            tokens = block(self.insert_prompt(tokens, i, start=vit.num_prefix_tokens))
        return vit.norm(tokens)
