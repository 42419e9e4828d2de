"""InternImage, which our backbone of that name loads."""

from typing import Any

from cite.apis.convert.layout import State, Translation
from cite.apis.convert.target import (
    Shapes,
    Target,
    count_parts,
    same_names,
    shapes_of,
    without_memory,
)
from cite.models.architectures import InternImageModel
from cite.models.backbones.intern_image import ARCHS


def arch_of(state: State) -> Any:
    """Return the name of T, S or B, or all sizes of another InternImage.

    Raises:
        ValueError: it lacks what every InternImage has.
    """
    stem, offset = 'patch_embed.conv2.weight', 'levels.{}.blocks.0.dcn.offset.weight'
    if stem not in state:
        raise ValueError(f'it is not an InternImage: it lacks {stem}.')
    channels = state[stem].shape[0]
    stages = range(count_parts(state, 'levels.'))
    sizes = {
        'channels': channels,
        'depths': tuple(count_parts(state, f'levels.{i}.blocks.') for i in stages),
        # Each group has nine points of two coordinates.
        'groups': tuple(state[offset.format(i)].shape[0] // 18 for i in stages),
        'post_norm': 'levels.0.norm.0.weight' not in state,
        'layer_scale': 'levels.0.blocks.0.gamma1' in state,
    }
    return next((name for name, arch in ARCHS.items() if arch == sizes), sizes)


def shapes(state: State) -> Shapes:
    arch = arch_of(state)
    options = ARCHS[arch] if isinstance(arch, str) else arch
    with without_memory():
        return shapes_of(InternImageModel(**options))


def config_of(state: State, source: Translation) -> tuple[dict[str, Any], list[str]]:
    return {'type': 'InternImage', 'arch': arch_of(state)}, []


INTERN_IMAGE = Target(
    'InternImage', 'internimage', False, same_names, shapes, config_of, 'checkpoint'
)
