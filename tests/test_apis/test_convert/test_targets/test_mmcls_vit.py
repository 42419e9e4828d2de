"""Sizes of a plain ViT read off its tensors, against the model that has them."""

import pytest
from mmcls.models import VisionTransformer

from cite.apis.convert.layout import Translation
from cite.apis.convert.targets.mmcls_vit import MMCLS_VIT, arch_of, config_of, to_mmcls


@pytest.mark.parametrize('arch', ['deit-tiny', 'base'])
@pytest.mark.parametrize(('size', 'patch'), [(224, 16), (384, 32)])
def test_published_sizes(arch, size, patch):
    model = VisionTransformer(arch, img_size=size, patch_size=patch)
    arguments = arch_of(model.state_dict())
    assert (arguments['img_size'], arguments['patch_size']) == (size, patch)
    wanted = {k: v for k, v in model.arch_settings.items() if k != 'num_heads'}
    assert {k: arguments['arch'][k] for k in wanted} == wanted
    expected = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    assert MMCLS_VIT.shapes(model.state_dict()) == expected


def test_a_hole_between_blocks_is_missing(tiny_vit):
    state = to_mmcls(tiny_vit(num_classes=0).state_dict())
    kept = {k: v for k, v in state.items() if not k.startswith('layers.1.')}
    missing = set(MMCLS_VIT.shapes(kept)) - set(kept)
    assert len(missing) == 12
    assert all(name.startswith('layers.1.') for name in missing)


def test_position_embedding_that_is_not_a_square(tiny_vit):
    state = to_mmcls(tiny_vit().state_dict())
    state['pos_embed'] = state['pos_embed'][:, :12]
    with pytest.raises(ValueError, match='12 tokens, which is not one class token and'):
        arch_of(state)


@pytest.mark.parametrize(('width', 'heads'), [(192, 3), (384, 6), (1280, 16)])
def test_heads_of_published_widths(tiny_vit, width, heads):
    state = to_mmcls(tiny_vit(embed_dim=width, depth=1, num_classes=0).state_dict())
    config, notes = config_of(state, Translation({}))
    assert config['arch']['num_heads'] == heads
    assert f'{heads} is usual' in notes[0]
    assert config_of(state, Translation({}, num_heads=heads))[1] == []
