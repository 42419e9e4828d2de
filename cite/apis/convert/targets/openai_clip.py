"""OpenAI's CLIP, which our CLIP backbones and head load by ``arch=PATH``."""

from typing import Any

from clip.model import CLIP

from cite.apis.convert.layout import State, Translation
from cite.apis.convert.target import (
    Shapes,
    Target,
    same_names,
    shapes_of,
    without_memory,
)
from cite.core.files.clip_sizes import clip_sizes


def shapes(state: State) -> Shapes:
    with without_memory():
        return shapes_of(CLIP(**clip_sizes(state)))


def config_of(state: State, source: Translation) -> tuple[dict[str, Any], list[str]]:
    """Return the backbone config; the backbone reads its sizes from the file."""
    return {'type': 'CLIPImageBackbone'}, []


OPENAI_CLIP = Target(
    "OpenAI's CLIP", 'clip', False, same_names, shapes, config_of, 'arch'
)
