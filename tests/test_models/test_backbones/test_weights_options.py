"""What a converted file states about its model, and files of earlier converters."""

import json

import pytest
import timm
import torch
from mmcls.models import build_backbone
from safetensors.torch import save_file

from cite.core.image_stats import HALF, IMAGENET, read_image_stats
from cite.models.architectures.positions import RULES
from cite.models.backbones.weights_options import options_of_weights

VIT = 'vit_tiny_patch16_224'
FEW = {'depth': 1}


def vit_file(path, side=14, options=None, origin='DINO', stats=None, **changes):
    """Write seeded weights of a narrow ViT under a converter's notes."""
    torch.manual_seed(0)
    changes = {**FEW, 'num_classes': 0, 'img_size': 16 * side, **changes}
    state = timm.create_model(VIT, **changes).state_dict()
    notes = {'format': 'pt', 'converted_from': origin, **(stats or IMAGENET).metadata()}
    if options is not None:
        notes['model_options'] = json.dumps(options)
    save_file(state, str(path), notes)
    return str(path)


def build(path, model_name=VIT, **changes):
    return build_backbone(
        dict(
            type='TIMMImageBackbone',
            model_name=model_name,
            checkpoint=path,
            **{**FEW, **changes},
        )
    ).eval()


def test_the_note_counts_and_the_config_more(tmp_path):
    options = {'positions': 'google', 'act_layer': 'gelu_tanh', 'norm_eps': 1e-12}
    file = vit_file(tmp_path / 'a.safetensors', options=options)
    model = build(file).model
    assert model.positions is RULES['google']
    assert model.norm.eps == model.blocks[0].norm1.eps == 1e-12
    x = torch.tensor([1.0])
    wanted = torch.nn.functional.gelu(x, approximate='tanh')
    assert torch.equal(model.blocks[0].mlp.act(x), wanted)
    model = build(file, positions='plain', norm_eps=1e-5).model
    assert (model.positions, model.norm.eps) == (RULES['plain'], 1e-5)


@pytest.mark.parametrize(
    ('name', 'rule'),
    [
        ('hf-hub:timm/vit_small_patch14_dinov2.lvd142m', 'dino'),
        ('hf_hub:timm/vit_base_patch16_224.dino', 'dino'),
        ('hf-hub:timm/vit_large_patch14_reg4_dinov2.lvd142m', 'timm'),
        ('hf-hub:timm/vit_base_patch16_224.mae', 'plain'),
        ('hf-hub:timm/resnet50.dino', None),
        ('hf-hub:MahmoodLab/UNI', None),
    ],
)
def test_a_name_of_the_hub_tells_what_timms_name_tells(name, rule):
    assert options_of_weights(name, None).get('positions') == rule


@pytest.mark.parametrize(
    ('origin', 'rule'),
    [('DINO', 'dino'), ('MAE', 'plain'), ('augreg', 'google'), ('DINOv2', 'dino')],
)
def test_an_earlier_file_gets_its_origins_rule(tmp_path, origin, rule):
    file = vit_file(tmp_path / 'a.safetensors', origin=origin)
    assert build(file).model.positions is RULES[rule]


@pytest.mark.parametrize(
    ('name', 'rule'),
    [
        ('vit_small_patch16_224.dino', 'dino'),
        ('vit_small_patch14_dinov2.lvd142m', 'dino'),
        ('vit_small_patch14_reg4_dinov2.lvd142m', 'timm'),
        ('vit_base_patch16_224.mae', 'plain'),
        ('hiera_tiny_224.mae', None),
        ('uni', None),
        ('hipt_256', 'dino'),
    ],
)
def test_a_name_tells_it_without_a_file(name, rule):
    assert options_of_weights(name, None).get('positions') == rule


@pytest.mark.parametrize(
    'options',
    [
        *({'positions': 'up'}, {'code': 'x'}, {'norm_eps': 'a'}, ['a', 'b']),
        *({'norm_eps': value} for value in (-1, float('nan'), float('inf'))),
    ],
)
def test_a_strangers_note_is_refused(tmp_path, options):
    file = vit_file(tmp_path / 'a.safetensors', options=options)
    with pytest.raises(ValueError, match=r"model_options=|positions is 'up'"):
        build(file)


def test_earlier_hipt_still_loads(tmp_path):
    """16 x 16 positions, as earlier converters wrote them, are taken as they are."""
    sizes = {'embed_dim': 384, 'num_heads': 6}
    file = vit_file(
        tmp_path / 'a.safetensors', 16, origin='HIPT ViT-256', stats=HALF, **sizes
    )
    with pytest.warns(UserWarning, match=r'earlier version.*16 x 16.*--from hipt'):
        backbone = build(file, 'hipt_256')
    reference = timm.create_model(VIT, img_size=256, num_classes=0, **FEW, **sizes)
    reference.load_state_dict(backbone.model.state_dict())
    image = torch.randn(1, 3, 256, 256)
    with torch.no_grad():
        assert torch.allclose(backbone(image), reference.eval()(image), atol=1e-6)


def test_earlier_notes_about_images_are_corrected(tmp_path):
    """REMEDIS's graph turns pixels x into 2x - 1, which was noted as mean 0, std 1."""
    from dataclasses import replace

    wrong = replace(HALF, mean=(0.0,) * 3, std=(1.0,) * 3)
    file = vit_file(tmp_path / 'a.safetensors', origin='BiT (TensorFlow)', stats=wrong)
    with pytest.warns(UserWarning, match='earlier version'):
        stats = read_image_stats(file)
    assert (stats.mean, stats.std) == (HALF.mean, HALF.std)
    file = vit_file(tmp_path / 'b.safetensors', origin='CTransPath')
    with pytest.warns(UserWarning, match='bilinear'):
        assert read_image_stats(file).interpolation == 'bilinear'


@torch.no_grad()
def test_the_mean_of_patches_as_retfounds_code_pools(tmp_path):
    """models_vit.py with global_pool: mean of the patches, then a norm that is new."""
    file = vit_file(tmp_path / 'a.safetensors', origin='MAE')
    backbone = build(file, pool='mean')
    torch.manual_seed(1)
    reference = timm.create_model(VIT, num_classes=0, global_pool='avg', **FEW).eval()
    state = {k: v for k, v in build(file).model.state_dict().items() if k[:4] != 'norm'}
    assert reference.load_state_dict(state, strict=False).missing_keys == [
        'fc_norm.weight',
        'fc_norm.bias',
    ]
    image = torch.randn(1, 3, 224, 224)
    torch.testing.assert_close(backbone(image), reference(image))
    prompted = build(file, pool='mean', prompt_length=2)
    assert prompted(image).shape == (1, 192)
    with pytest.raises(ValueError, match="pool='mean' is for plain"):
        build(None, 'resnet18', pool='mean', depth=None)
