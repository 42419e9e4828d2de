"""Build, fill and read timm's image models."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Union

import timm
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from cite.core.weights import load_weights

# Parts that come after our pooling, in timm's names: their weights do not matter.
UNUSED = ('head.', 'head_dist.', 'fc_norm.', 'fc.', 'classifier.')


def create(model_name: str, pretrained: bool, **kwargs: Any) -> Any:
    """Build a timm model without its classifier, for any image size where it can.

    Raises:
        ValueError: timm has no such model.
        FileNotFoundError: its pretrained weights cannot be had.
    """
    if ':' not in model_name and not timm.is_model(model_name):
        near = get_close_matches(model_name, timm.list_models()) or ['nothing like it']
        raise ValueError(
            f'timm {timm.__version__} has no model {model_name!r}; timm.list_models() '
            f'has {", ".join(near)}.'
        )
    kwargs.update(pretrained=pretrained, num_classes=0)
    try:
        return timm.create_model(model_name, **{'dynamic_img_size': True, **kwargs})
    except TypeError:  # the option is that of vision transformers
        return timm.create_model(model_name, **kwargs)
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise FileNotFoundError(
            f'timm could not get the pretrained weights of {model_name} ({error}). '
            'Fetch the file by hand and give its path as `checkpoint`.'
        ) from error


def fill(model: nn.Module, checkpoint: Union[str, Path]) -> None:
    """Load a checkpoint in timm's names into a model; its precision does not matter.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: keys or shapes differ in more than the head.
    """
    state = load_weights(checkpoint)
    for key in ('state_dict', 'model'):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise ValueError(f'{checkpoint} holds a {type(state).__name__}, no state dict.')
    state = {k: v for k, v in state.items() if not k.startswith(UNUSED)}
    own = model.state_dict()
    problems = _differences(own, state)
    if problems:
        raise ValueError(
            f'{checkpoint} does not fit the model: {"; ".join(problems)}. Is it of '
            "another model_name or img_size, or in names that are not timm's?"
        )
    model.load_state_dict(state, strict=False)


def _differences(own: dict[str, Tensor], state: dict[str, Tensor]) -> list[str]:
    missing = [k for k in own if k not in state and not k.startswith(UNUSED)]
    unexpected = [k for k in state if k not in own]
    shapes = [
        f'{k} is {tuple(state[k].shape)} there, {tuple(own[k].shape)} here'
        for k in own
        if k in state and own[k].shape != state[k].shape
    ]
    found = (('missing', missing), ('unexpected', unexpected), ('other shape', shapes))
    return [f'{kind}: {_some(names)}' for kind, names in found if names]


def _some(names: list[str]) -> str:
    more = f' and {len(names) - 5} more' if len(names) > 5 else ''
    return ', '.join(names[:5]) + more


def is_plain_vit(model: nn.Module) -> bool:
    """Tell whether a model runs timm's own plain vision transformer."""
    return (
        isinstance(model, VisionTransformer)
        and type(model).forward_features is VisionTransformer.forward_features
    )


def pool(model: Any, features: Tensor, prompts: int = 0) -> Tensor:
    """Reduce a model's features to one vector per image.

    Args:
        features: tokens (N, T, D), a map (N, D, H, W) or (N, H, W, D), or (N, D).
        prompts: number of prompt tokens behind the leading ones.

    Returns:
        (N, D): the class token where there is one, else the mean over positions.
    """
    if features.dim() == 4:
        last = features.shape[-1] == model.num_features != features.shape[1]
        return features.mean((1, 2) if last else (2, 3))
    if features.dim() == 2:
        return features
    if getattr(model, 'cls_token', None) is not None:
        return features[:, 0]
    return features[:, getattr(model, 'num_prefix_tokens', 0) + prompts :].mean(1)
