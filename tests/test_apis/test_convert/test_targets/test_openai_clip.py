"""Sizes of a CLIP read off its tensors, against OpenAI's own reading of them."""

import pytest
from clip.model import CLIP, build_model

from cite.apis.convert.targets.own_models import OPENAI_CLIP
from cite.core.files.clip_sizes import clip_sizes, image_sizes

TEXT = {
    'embed_dim': 16,
    'context_length': 7,
    'vocab_size': 50,
    'transformer_width': 128,
    'transformer_heads': 2,
    'transformer_layers': 3,
}
VIT = {
    'image_resolution': 48,
    'vision_layers': 2,
    'vision_width': 192,
    'vision_patch_size': 16,
}
# As in OpenAI's RN50x4 (width 80), the width is not a multiple of 64.
RESNET = {
    'image_resolution': 64,
    'vision_layers': (1, 2, 3, 1),
    'vision_width': 10,
    'vision_patch_size': None,
}


@pytest.mark.parametrize('tower', [VIT, RESNET], ids=['vit', 'resnet'])
def test_arguments_and_shapes(tower):
    state = CLIP(**tower, **TEXT).state_dict()
    assert clip_sizes(state) == {**tower, **TEXT}
    assert image_sizes(state) == {**tower, 'embed_dim': TEXT['embed_dim']}
    openai = build_model(dict(state)).state_dict()
    assert OPENAI_CLIP.shapes(state) == {
        name: tuple(t.shape) for name, t in openai.items()
    }


def test_width_that_has_no_whole_heads():
    state = CLIP(**{**VIT, 'vision_width': 96}, **TEXT).state_dict()
    with pytest.raises(ValueError, match='96 wide, which is not a multiple of the 64'):
        clip_sizes(state)
