"""InternImage, which our backbone of that name loads."""

from typing import Any

from cite.apis.convert.target import Shapes, Target, shapes_of, without_memory
from cite.apis.convert.translation import State, Translation
from cite.models.architectures import InternImageModel
from cite.models.backbones.intern_image import ARCHS

from .timm_model import same_names


def arch_of(state: State) -> Any:
    """Tell T, S and B by their width, others by all their sizes.

    Raises:
        ValueError: it lacks what every InternImage has.
    """
    stem, offset = 'patch_embed.conv2.weight', 'levels.{}.blocks.0.dcn.offset.weight'
    if stem not in state:
        raise ValueError(f'it is no InternImage: there is no {stem}.')
    channels = state[stem].shape[0]
    stages = range(len({n.split('.')[1] for n in state if n.startswith('levels.')}))
    found = {
        'channels': channels,
        'depths': tuple(
            len({n.split('.')[3] for n in state if n.startswith(f'levels.{i}.blocks.')})
            for i in stages
        ),
        # Nine points of two coordinates each.
        'groups': tuple(state[offset.format(i)].shape[0] // 18 for i in stages),
        'post_norm': 'levels.0.norm.0.weight' not in state,
        'layer_scale': 'levels.0.blocks.0.gamma1' in state,
    }
    return next((name for name, arch in ARCHS.items() if arch == found), found)


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
