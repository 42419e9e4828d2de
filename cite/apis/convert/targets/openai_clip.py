"""OpenAI's CLIP, which our CLIP backbones and head load by ``arch=PATH``."""

from typing import Any

from clip.model import CLIP

from cite.apis.convert.target import Shapes, Target, shapes_of, without_memory
from cite.apis.convert.translation import State, Translation
from cite.core.files.clip_sizes import clip_sizes


def shapes(state: State) -> Shapes:
    with without_memory():
        return shapes_of(CLIP(**clip_sizes(state)))


def config_of(state: State, source: Translation) -> tuple[dict[str, Any], list[str]]:
    """Return the backbone config; its sizes are read from the file by itself."""
    return {'type': 'CLIPImageBackbone'}, []


def same_names(state: State) -> State:
    return state


OPENAI_CLIP = Target(
    "OpenAI's CLIP", 'clip', False, same_names, shapes, config_of, 'arch'
)
