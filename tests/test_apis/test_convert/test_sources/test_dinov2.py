"""DINOv2 of its hub and of transformers, whose model is the reference."""

import json

import pytest
import torch
from newer_names import newer_names
from saved_model import save_model
from transformers import (
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
)

from cite.models.backbones.transformers_names import older_state

LONG = pytest.mark.long
SIZES = {
    'tiny': {'hidden_size': 64, 'num_hidden_layers': 3, 'num_attention_heads': 1},
    # The giant's gated network, with less width and fewer blocks.
    'giant-like': {
        'hidden_size': 128,
        'num_hidden_layers': 4,
        'num_attention_heads': 2,
        'use_swiglu_ffn': True,
    },
    'small': {'hidden_size': 384, 'num_hidden_layers': 12, 'num_attention_heads': 6},
    'base': {'hidden_size': 768, 'num_hidden_layers': 12, 'num_attention_heads': 12},
    'large': {'hidden_size': 1024, 'num_hidden_layers': 24, 'num_attention_heads': 16},
}


def build(size, registers, randomised):
    side = 518 if size in ('small', 'base', 'large') else 70
    options = {**SIZES[size], 'patch_size': 14, 'image_size': side}
    if registers:
        config = Dinov2WithRegistersConfig(**options, num_register_tokens=4)
        return randomised(Dinov2WithRegistersModel(config), 0)
    return randomised(Dinov2Model(Dinov2Config(**options)), 0)


def class_token(model, images):
    with torch.no_grad():
        return model(images).last_hidden_state[:, 0]


def pictures(model):
    side = model.config.image_size
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 3, side, side, generator=generator)


@pytest.mark.parametrize('layout', ['hub', 'training', 'transformers'])
@pytest.mark.parametrize('registers', [False, True])
@pytest.mark.parametrize(
    'size',
    [
        'tiny',
        'giant-like',
        *(pytest.param(size, marks=LONG) for size in ('small', 'base', 'large')),
    ],
)
def test_features(
    tmp_path,
    randomised,
    timm_names,
    convert,
    built,
    assert_same,
    size,
    registers,
    layout,
):
    model = build(size, registers, randomised)
    source = tmp_path / 'dinov2'
    if layout == 'transformers':
        model.save_pretrained(source)
    else:
        state = timm_names(model)
        if layout == 'training':  # blocks in chunks, a head beside the backbone
            state = {
                f'backbone.{k}'.replace('blocks.', 'blocks.0.'): v
                for k, v in state.items()
            }
            state = {'teacher': {**state, 'dino_head.mlp.0.weight': torch.ones(2, 2)}}
        torch.save(state, source)
    conversion = convert(source)
    assert 'DINOv2' in conversion.layout
    assert all('mask_token' in n or 'head' in n for n in conversion.dropped)
    backbone = built(conversion, num_heads=SIZES[size]['num_attention_heads'])
    images = pictures(model)
    assert backbone.model.num_prefix_tokens == 1 + 4 * registers
    with torch.no_grad():
        assert_same(backbone(images), class_token(model, images))


def test_the_config_names_sizes_and_statistics(tmp_path, randomised, convert):
    model = build('tiny', True, randomised)
    model.save_pretrained(tmp_path / 'dinov2')
    conversion = convert(tmp_path / 'dinov2')
    assert conversion.config == {
        'type': 'TIMMImageBackbone',
        'model_name': 'vit_base_patch16_224',
        'embed_dim': 64,
        'depth': 3,
        'num_heads': 1,
        'img_size': 70,
        'patch_size': 14,
        'init_values': 1e-5,
        'reg_tokens': 4,
        'no_embed_class': True,
        'positions': 'timm',
    }
    assert conversion.stats.std == (0.229, 0.224, 0.225)
    assert conversion.stats.size == 70


def test_mmcls_has_no_layer_scale(tmp_path, randomised, convert):
    build('tiny', False, randomised).save_pretrained(tmp_path / 'dinov2')
    with pytest.raises(ValueError, match=r'ls1\.gamma'):
        convert(tmp_path / 'dinov2', target='mmcls')


@pytest.mark.parametrize('size', ['tiny', 'giant-like'])
def test_a_state_dict_of_transformers_5(
    tmp_path, randomised, convert, built, assert_same, size
):
    model = build(size, False, randomised)
    kind = 'gated' if size == 'giant-like' else 'dinov2'
    state = newer_names(kind, older_state(model.state_dict()))
    assert 'encoder.layer.0.attention.q_proj.weight' in state
    torch.save({f'dinov2.{k}': t for k, t in state.items()}, tmp_path / 'dinov2.pth')
    conversion = convert(tmp_path / 'dinov2.pth')
    backbone = built(conversion, num_heads=SIZES[size]['num_attention_heads'])
    with torch.no_grad():
        assert_same(backbone(pictures(model)), class_token(model, pictures(model)))


def test_heads_that_the_config_leaves_out_are_its_default(
    tmp_path, randomised, convert
):
    """12 is Dinov2Config's, which its file leaves out; 384 wide, 6 would be usual."""
    sizes = {'hidden_size': 384, 'num_hidden_layers': 1, 'image_size': 28}
    model = randomised(Dinov2Model(Dinov2Config(**sizes)), 0)
    save_model(model, tmp_path / 'dino')
    config = json.loads((tmp_path / 'dino/config.json').read_text())
    config.pop('num_attention_heads', None)
    (tmp_path / 'dino/config.json').write_text(json.dumps(config))
    assert convert(tmp_path / 'dino').config['num_heads'] == 12
    (tmp_path / 'dino/config.json').write_text(json.dumps({'hidden_act': 'relu'}))
    with pytest.raises(ValueError, match="activation 'relu', but DINOv2 has GELU"):
        convert(tmp_path / 'dino', force=True)
