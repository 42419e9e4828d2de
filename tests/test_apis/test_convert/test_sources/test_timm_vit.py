"""timm's ViTs: bare, in training checkpoints, real, and those that are not plain."""

import json
from pathlib import Path

import pytest
import timm
import torch
from mmcls.models import BACKBONES
from safetensors.torch import load_file, save_file

REAL = (
    Path(__file__).resolve().parents[5]
    / 'shared/models/vit_tiny_colorectal.fp16.safetensors'
)


@pytest.mark.parametrize('changes', [{}, {'qkv_bias': False}, {'in_chans': 1}])
def test_features(
    tmp_path, tiny_vit, images, convert, to, vit_features, assert_same, changes
):
    model = tiny_vit(**changes)
    save_file(model.state_dict(), str(tmp_path / 'model.safetensors'))
    conversion = convert(tmp_path / 'model.safetensors', target=to)
    assert conversion.layout == 'timm'
    images = images[:, : changes.get('in_chans', 3)]
    with torch.no_grad():
        wanted = model.forward_features(images)
    assert_same(vit_features(conversion, images, heads=4), wanted)


@pytest.mark.parametrize('wrapper', ['state_dict', 'model'])
def test_training_checkpoint(tmp_path, tiny_vit, convert, wrapper):
    state = {f'module.{k}': v for k, v in tiny_vit().state_dict().items()}
    torch.save({'epoch': 3, wrapper: state}, tmp_path / 'last.pth.tar')
    conversion = convert(tmp_path / 'last.pth.tar', layout='timm')
    assert conversion.dropped == ['head.weight', 'head.bias']
    assert conversion.missing == []


@pytest.mark.parametrize(
    ('changes', 'culprit'),
    [
        ({'init_values': 0.1}, 'ls1.gamma'),
        ({'qk_norm': True}, 'attn.q_norm'),
        ({'pre_norm': True}, 'norm_pre'),
        ({'reg_tokens': 4}, 'tokens'),
        ({'final_norm': False}, 'ln1.weight'),
    ],
)
def test_a_vit_that_computes_something_else_is_refused(
    tmp_path, tiny_vit, convert, changes, culprit
):
    torch.save(tiny_vit(**changes).state_dict(), tmp_path / 'model.pth')
    with pytest.raises(ValueError, match=culprit):
        convert(tmp_path / 'model.pth', target='mmcls')
    assert not (tmp_path / 'out.safetensors').exists()


@pytest.mark.skipif(not REAL.is_file(), reason='no real weights beside the checkout')
def test_real_weights(convert, to, vit_features, assert_same):
    model = timm.create_model('vit_tiny_patch16_224', num_classes=0).eval()
    model.load_state_dict({k: v.float() for k, v in load_file(str(REAL)).items()})
    conversion = convert(REAL, target=to)
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = model.forward_features(image)
    assert_same(vit_features(conversion, image, heads=3), wanted)


def hub_folder(folder, model, **config):
    """Write a folder as timm's ``push_to_hf_hub`` does."""
    folder.mkdir()
    save_file(model.state_dict(), str(folder / 'model.safetensors'))
    (folder / 'config.json').write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ('name', 'arguments', 'options'),
    [
        ('vit_base_patch16_224', {}, {}),
        ('vit_base_patch16_224', {'act_layer': 'gelu_tanh'}, {}),
        ('vit_base_patch16_clip_224', {}, {'eps': 1e-5}),
        ('vit_base_patch16_clip_quickgelu_224', {}, {'eps': 1e-5}),
        ('vit_small_patch16_224', {'num_heads': 2}, {}),
    ],
)
def test_a_folder_of_timms_hub_names_the_activation(
    tmp_path, images, convert, built, assert_same, randomised, name, arguments, options
):
    sizes = {'img_size': 32, 'patch_size': 8, 'depth': 2, 'num_classes': 0}
    sizes.update(embed_dim=96, num_heads=3)
    model = timm.create_model(name, **{**sizes, **arguments})
    model = randomised(model, 0)
    heads = {'num_heads': model.blocks[0].attn.num_heads}
    folder = hub_folder(
        tmp_path / 'hub', model, architecture=name, model_args={**arguments, **heads}
    )
    backbone = built(convert(folder))
    assert backbone.model.norm.eps == options.get('eps', 1e-6)
    with torch.no_grad():
        assert_same(backbone(images), model(images))
    # The file tells it too, to a backbone whose config does not.
    file = str(tmp_path / 'out.safetensors')
    kind = dict(type='TIMMImageBackbone', model_name=name, checkpoint=file)
    with torch.no_grad():
        assert_same(BACKBONES.build({**kind, **sizes, **heads})(images), model(images))


def test_a_folder_of_timms_hub_names_the_rule_for_positions(
    tmp_path, tiny_vit, convert
):
    tag = {'tag': 'lvd142m', 'mean': [0.5] * 3, 'std': [0.5] * 3}
    name = 'vit_small_patch14_dinov2'
    config = {'architecture': name, 'pretrained_cfg': tag}
    folder = hub_folder(tmp_path / 'hub', tiny_vit(num_classes=0), **config)
    conversion = convert(folder)
    assert conversion.config['positions'] == 'dino'
    assert conversion.stats.mean == (0.5, 0.5, 0.5)


def test_an_activation_that_no_backbone_has_is_refused(tmp_path, tiny_vit, convert):
    name = {'architecture': 'vit_base_patch16_224', 'model_args': {'act_layer': 'relu'}}
    folder = hub_folder(tmp_path / 'hub', tiny_vit(num_classes=0), **name)
    with pytest.raises(ValueError, match=r'activation relu; known are GELU'):
        convert(folder)
    name['model_args'] = {'act_layer': 'quick_gelu'}
    folder = hub_folder(tmp_path / 'quick', tiny_vit(num_classes=0), **name)
    with pytest.raises(ValueError, match=r"mmcls' ViT does not have.*quick_gelu"):
        convert(folder, target='mmcls')


def test_a_bare_file_of_clips_vit_says_what_is_assumed(tmp_path, tiny_vit, convert):
    torch.save(tiny_vit(pre_norm=True).state_dict(), tmp_path / 'model.pth')
    conversion = convert(tmp_path / 'model.pth')
    assert any("act_layer='quick_gelu'" in note for note in conversion.notes)
    assert conversion.config['norm_eps'] == 1e-5


def test_weights_in_several_files(tmp_path, tiny_vit, images, convert, built):
    model = tiny_vit(num_classes=0, num_heads=1)
    state = model.state_dict()
    names, folder = sorted(state), tmp_path / 'hub'
    folder.mkdir()
    halves = {'model-00001-of-00002': names[:9], 'model-00002-of-00002': names[9:]}
    places = {}
    for file, part in halves.items():
        save_file({n: state[n] for n in part}, f'{folder}/{file}.safetensors')
        places.update(dict.fromkeys(part, f'{file}.safetensors'))
    # Left from another model; the index does not name it.
    old = {names[0]: torch.zeros_like(state[names[0]])}
    save_file(old, f'{folder}/model-00003-of-00003.safetensors')
    index = folder / 'model.safetensors.index.json'
    index.write_text(json.dumps({'weight_map': places}))
    with torch.no_grad():
        assert torch.equal(built(convert(folder))(images), model(images))
    (tmp_path / 'out.safetensors').unlink()
    (folder / 'model-00002-of-00002.safetensors').unlink()
    with pytest.raises(FileNotFoundError, match='model-00002-of-00002'):
        convert(folder)
    index.write_text(json.dumps({'weight_map': {'a': '../b.safetensors'}}))
    with pytest.raises(ValueError, match=r'index\.json: its weight_map does not name'):
        convert(folder)
