from typing import Any, Optional

from mmcls.models.builder import BACKBONES
from torch import Tensor, nn

from cite.core.messages import check_choice
from cite.models.architectures.positions import patch_grid, set_positions

from .adapted_backbone import AdaptedBackbone
from .timm_models import UNUSED, create, image_side, is_plain_vit, pool, stats_of_name
from .weights_files import fill_model
from .weights_options import options_of_weights

# Arguments of `adapt`; the others in a config are the model's.
_ADAPT = ('fix', 'lora', 'prompt_length', 'prompt_layers', 'prompt_pos', 'prompt_init')
POOLS = ('token', 'mean')


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
            feed-forward network of DINOv2's giant; ``positions``, how a plain vision
            transformer's positions are interpolated between sizes (``'timm'``,
            ``'plain'``, ``'dino'``, ``'google'``:
            :data:`cite.models.architectures.positions.RULES`); ``pool='mean'``; or the
            model's, e.g. ``img_size``. A converted file states ``norm_eps``,
            ``positions`` and ``act_layer`` itself, and some names imply ``positions``.
            ``pool='mean'`` is the mean over the patches' tokens before the last norm,
            normed without weights, as fine-tuning by MAE's and RETFound's code starts
            from it; by default ``pool='token'``.

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
        pool_name = check_choice('pool', kwargs.pop('pool', 'token'), POOLS)
        kwargs = {**options_of_weights(model_name, checkpoint), **kwargs}
        positions = kwargs.pop('positions', None)
        self.model = create(model_name, pretrained, **kwargs)
        if checkpoint:
            fill_model(self.model, checkpoint, UNUSED)
        if positions:
            set_positions(self.model, positions)
        self._mean_norm = self._take_norm(model_name) if pool_name == 'mean' else None
        hub_name = f'timm:{model_name}' if pretrained else None
        self.weights_source = checkpoint or hub_name
        tokens = None
        if is_plain_vit(self.model):
            tokens = (self.model.embed_dim, len(self.model.blocks))
        self.adapt(model_name, image_side(self.model), tokens, **adapt)

    #: Tells how the images of a config of this backbone are prepared.
    image_stats = staticmethod(stats_of_name)

    def _take_norm(self, model_name: str) -> nn.Module:
        """Replace the model's last norm by one without weights, behind the mean."""
        if not is_plain_vit(self.model):
            raise ValueError(
                f"pool='mean' is for plain vision transformers; {model_name} is a "
                f'{type(self.model).__name__}. Leave it out.'
            )
        width, eps = self.model.embed_dim, self.model.norm.eps
        self.model.norm = nn.Identity()
        return nn.LayerNorm(width, eps=eps, elementwise_affine=False)

    @property
    def num_extra_tokens(self) -> int:
        """Count the tokens in front of the patches' ones, for mmcls' Grad-CAM tool."""
        return getattr(self.model, 'num_prefix_tokens', 0) + self.inserted_tokens

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) into features (N, D)."""
        if is_plain_vit(self.model) and not self.model.patch_embed.dynamic_img_pad:
            patch_grid(x, self.model.patch_embed.patch_size)
        x = self.frame(x)
        if not self.prompts_tokens:
            with self.full_on_cpu(x.device):
                return self._pool(self.model.forward_features(x))
        return self._pool(self._prompted_features(x), self.inserted_tokens)

    def _pool(self, features: Tensor, prompts: int = 0) -> Tensor:
        if self._mean_norm is None:
            return pool(self.model, features, prompts)
        leading = self.model.num_prefix_tokens + prompts
        return self._mean_norm(features[:, leading:].mean(1))

    def _prompted_features(self, images: Tensor) -> Tensor:
        """Run timm's plain vision transformer with prompts; returns (N, T, D)."""
        vit = self.model
        tokens = vit._pos_embed(vit.patch_embed(images))
        tokens = vit.norm_pre(vit.patch_drop(tokens))  # (N, T, D)
        self.settle_prompt(tokens)
        for i, block in enumerate(vit.blocks):
            tokens = block(self.insert_prompt(tokens, i, start=vit.num_prefix_tokens))
        return vit.norm(tokens)
