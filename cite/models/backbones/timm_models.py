"""Build, fill and read timm's image models."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Any

import timm
from timm.layers import StdConv2d, SwiGLUPacked
from timm.models import get_pretrained_cfg
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from cite.core.hub_images import stats_of_timm
from cite.core.image_stats import ImageStats, unknown_stats
from cite.core.messages import first_line
from cite.models.architectures import NAMED, published  # registers its models

# Parts behind our pooling, in timm's names: their weights do not matter.
UNUSED = ('head.', 'head_dist.', 'fc_norm.', 'fc.', 'classifier.')
# Options that make Swin, vision transformers and others take any image size. The order
# matters: in timm 1.0.20 Swin swallows the second.
_ANY_SIZE: Any = ({'strict_img_size': False}, {'dynamic_img_size': True}, {})


def create(model_name: str, pretrained: bool, **kwargs: Any) -> Any:
    """Build a timm model without its classifier, for any image size if it can.

    Raises:
        ValueError: timm has no such model.
        FileNotFoundError: the hub does not give its pretrained weights.
    """
    if ':' not in model_name and not timm.is_model(model_name):
        near = get_close_matches(model_name, timm.list_models()) or ['nothing like it']
        raise ValueError(
            f'timm {timm.__version__} has no model {model_name!r}; timm.list_models() '
            f'has {", ".join(near)}.'
        )
    kwargs.update(pretrained=pretrained, num_classes=0)
    if kwargs.get('mlp_layer') == 'swiglu':
        kwargs.update(mlp_layer=SwiGLUPacked, act_layer=nn.SiLU)
    if 'norm_eps' in kwargs:
        kwargs['norm_layer'] = partial(nn.LayerNorm, eps=kwargs.pop('norm_eps'))
    for option in _ANY_SIZE:
        try:
            model = timm.create_model(model_name, **{**option, **kwargs})
            return _as_published(model_name, model)
        except TypeError:  # this architecture has no such option
            if not option:
                raise
        except (OSError, RuntimeError) as error:
            if not pretrained:
                raise
            raise FileNotFoundError(
                f'timm could not get the pretrained weights of {model_name} ({error}). '
                'Fetch the file by hand and give its path as `checkpoint`; where the '
                'model is gated, ask for access on its page and log in with '
                '`hf auth login` first (docs/MODEL_ZOO.md).'
            ) from error
    raise AssertionError('the last of _ANY_SIZE is empty')


def _as_published(model_name: str, model: nn.Module) -> nn.Module:
    """Give timm's BiTs, whose weights are Google's, the epsilon of Google's code."""
    if '_bit' in model_name:
        for layer in model.modules():
            if isinstance(layer, StdConv2d):
                layer.eps = published.BIT_EPS
    return model


def image_side(model: nn.Module) -> int:
    """Return the side, in pixels, of the images that a model is meant for."""
    sides: Any = getattr(getattr(model, 'patch_embed', None), 'img_size', None)
    if isinstance(sides, Sequence) and sides[0]:
        return int(sides[0])
    return int(getattr(model, 'pretrained_cfg', {}).get('input_size', (224,))[-1])


def is_plain_vit(model: nn.Module) -> bool:
    """Tell whether a model runs timm's own plain vision transformer."""
    forward = getattr(type(model), 'forward_features', None)
    return forward is VisionTransformer.forward_features


def pool(model: Any, features: Tensor, prompts: int = 0) -> Tensor:
    """Reduce a model's features to one vector per image.

    Args:
        features: tokens (N, T, D), a map (N, D, H, W) or (N, H, W, D), or (N, D).
        prompts: number of prompt tokens behind the leading ones.

    Returns:
        (N, D): the class token if there is one, else the mean over positions.
    """
    if features.dim() == 4:
        last = features.shape[-1] == model.num_features != features.shape[1]
        return features.mean((1, 2) if last else (2, 3))
    if features.dim() == 2:
        return features
    if getattr(model, 'cls_token', None) is not None:
        return features[:, 0]
    return features[:, getattr(model, 'num_prefix_tokens', 0) + prompts :].mean(1)


def stats_of_name(backbone: Mapping[str, Any]) -> ImageStats:
    """Return how images are prepared for the weights that a model's name tells.

    Args:
        backbone: config with ``model_name``; ``img_size`` and ``pretrained`` count too.

    Raises:
        ValueError: the name tells the architecture alone.
        FileNotFoundError: the hub's description cannot be read.
    """
    name = backbone['model_name']
    if name.startswith(('hf-hub:', 'hf_hub:')):
        return _stats_of_config(_hub_config(name), {})
    config = get_pretrained_cfg(name) if timm.is_model(name) else None
    is_named = config is not None and config.architecture in NAMED
    # Without a tag the name tells the architecture, not whose weights a file holds.
    if config is None or not (is_named or '.' in name or backbone.get('pretrained')):
        raise unknown_stats(
            backbone,
            'the name has no tag. If these are published weights, add their tag (e.g. '
            f"'.dino'; timm.list_pretrained('{name.split('.')[0]}*') lists them)",
        )
    return _stats_of_config(config.to_dict(), backbone)


def _stats_of_config(
    config: Mapping[str, Any], backbone: Mapping[str, Any]
) -> ImageStats:
    stats = stats_of_timm(config)
    size = backbone.get('img_size')
    if not size or size == stats.size:
        return stats
    # The same fraction of the image is cropped at another size.
    return replace(stats, size=size, resized=size * stats.resized // stats.size)


def _hub_config(name: str) -> Mapping[str, Any]:
    from timm.models import load_model_config_from_hf

    try:
        return load_model_config_from_hf(name.partition(':')[2])[0]
    except Exception as error:  # the hub has an exception for each way to fail
        raise FileNotFoundError(
            f'{name}: its config.json could not be read from the hub '
            f'({first_line(error)}). Put image_stats=dict(mean=…, std=…) into the '
            'backbone, or fetch the model first.'
        ) from error
