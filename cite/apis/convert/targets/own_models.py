"""OpenAI's CLIP and InternImage, which backbones of their own load."""

from typing import Any

from clip.model import CLIP

from cite.apis.convert.layout import State, Translation
from cite.apis.convert.target import Target, count_parts
from cite.core.files.clip_sizes import clip_sizes
from cite.models.architectures import InternImageModel
from cite.models.backbones.intern_image import ARCHS


def build_clip(state: State) -> CLIP:
    return CLIP(**clip_sizes(state))


def clip_config(state: State, source: Translation) -> tuple[dict[str, Any], list[str]]:
    """Return the backbone config; the backbone reads its sizes from the file."""
    return {'type': 'CLIPImageBackbone'}, []


def intern_image_arch(state: State) -> Any:
    """Return the name of T, S or B, or all sizes of another InternImage."""
    stem, offset = 'patch_embed.conv2.weight', 'levels.{}.blocks.0.dcn.offset.weight'
    if stem not in state:
        raise ValueError(f'it is not an InternImage: it lacks {stem}.')
    stages = range(count_parts(state, 'levels.'))
    sizes = {
        'channels': state[stem].shape[0],
        'depths': tuple(count_parts(state, f'levels.{i}.blocks.') for i in stages),
        # Each group has nine points of two coordinates.
        'groups': tuple(state[offset.format(i)].shape[0] // 18 for i in stages),
        'post_norm': 'levels.0.norm.0.weight' not in state,
        'layer_scale': 'levels.0.blocks.0.gamma1' in state,
    }
    return next((name for name, arch in ARCHS.items() if arch == sizes), sizes)


def build_intern_image(state: State) -> InternImageModel:
    arch = intern_image_arch(state)
    return InternImageModel(**(ARCHS[arch] if isinstance(arch, str) else arch))


def intern_image_config(
    state: State, source: Translation
) -> tuple[dict[str, Any], list[str]]:
    return {'type': 'InternImage', 'arch': intern_image_arch(state)}, []


OPENAI_CLIP = Target("OpenAI's CLIP", 'clip', build_clip, clip_config, 'arch')
INTERN_IMAGE = Target(
    'InternImage', 'internimage', build_intern_image, intern_image_config
)
