"""Targets that are models of timm, except for its plain ViTs."""

import math
from typing import Any, Callable

from cite.apis.convert.layout import State, Translation
from cite.apis.convert.target import Target
from cite.models.architectures import hipt
from cite.models.backbones.timm_models import create

# timm's names of BiT's ResNets, by the number of units of each stage and the width.
BIT_NAMES: dict[tuple[tuple[int, ...], int], str] = {
    ((3, 4, 6, 3), 1): 'remedis_50x1',
    ((3, 4, 6, 3), 3): 'resnetv2_50x3_bit',
    ((3, 4, 23, 3), 1): 'resnetv2_101x1_bit',
    ((3, 4, 23, 3), 3): 'resnetv2_101x3_bit',
    ((3, 8, 36, 3), 2): 'remedis_152x2',
    ((3, 8, 36, 3), 4): 'resnetv2_152x4_bit',
}
Arguments = Callable[[State], dict[str, Any]]


def timm_target(name: str, family: str, arguments: Arguments) -> Target:
    """Return the target of a model; ``arguments`` reads its sizes off its tensors."""

    def config(state: State, source: Translation) -> tuple[dict[str, Any], list[str]]:
        return {'type': 'TIMMImageBackbone', **arguments(state)}, []

    def build(state: State) -> Any:
        return create(pretrained=False, **arguments(state))

    return Target(name, family, build, config)


def bit_arguments(state: State) -> dict[str, Any]:
    """Recognise BiT's published ResNets by their units and width."""
    units = {n.rsplit('.', 2)[0] for n in state if n.endswith('.conv1.weight')}
    stages = [name.split('.')[1] for name in units]
    layers = tuple(stages.count(stage) for stage in sorted({*stages}))
    stem = state['stem.conv.weight'].shape[0] if 'stem.conv.weight' in state else 0
    if (layers, stem // 64) not in BIT_NAMES:
        raise ValueError(
            f'it is not a BiT ResNet: it has stages of {layers} units and a first '
            f'convolution {stem} wide.'
        )
    return {'model_name': BIT_NAMES[layers, stem // 64]}


def hipt_arguments(state: State) -> dict[str, Any]:
    """Read the side of a region off its position embedding."""
    if 'pos_embed' not in state:
        raise ValueError('it is not a ViT-4K: it lacks pos_embed.')
    side = hipt.PATCH * math.isqrt(state['pos_embed'].shape[1] - 1)
    usual = hipt.GRID * hipt.PATCH
    return {'model_name': 'hipt_4k', **({} if side == usual else {'img_size': side})}


BIT = timm_target("timm's BiT ResNet", 'bit', bit_arguments)
CTRANSPATH = timm_target(
    'CTransPath', 'ctranspath', lambda state: {'model_name': 'ctranspath'}
)
HIPT_4K = timm_target('HIPT of regions', 'hipt_4k', hipt_arguments)
