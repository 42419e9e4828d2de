"""How any backbone is adapted: padding prompts and LoRA beside frozen weights."""

from pathlib import Path

import pytest
import torch
from mmcls.models import build_backbone, build_classifier
from mmcv.runner import load_checkpoint

TINY_VIT = {
    'type': 'TIMMImageBackbone',
    'model_name': 'vit_tiny_patch16_224',
    'img_size': 32,
    'patch_size': 8,
    'embed_dim': 32,
    'depth': 2,
    'num_heads': 2,
}
INTERN = {
    'channels': 16,
    'depths': (1, 1, 1, 1),
    'groups': (1, 2, 4, 8),
    'post_norm': True,
    'layer_scale': True,
}
BACKBONES = {
    'vit': TINY_VIT,
    'resnet': {
        'type': 'TIMMImageBackbone',
        'model_name': 'resnet18',
        'zero_init_last': False,  # else its blocks start as shortcuts
    },
    'bit': {'type': 'TIMMImageBackbone', 'model_name': 'resnetv2_50x1_bit'},
    'swin': {'type': 'TIMMImageBackbone', 'model_name': 'ctranspath'},
    'hiera': {'type': 'TIMMImageBackbone', 'model_name': 'sam2_hiera_tiny'},
    'internimage': {'type': 'InternImage', 'arch': INTERN},
}
SIDES = {'swin': 224, 'hiera': 64, 'resnet': 64}
LORA = {'r': 2, 'lora_alpha': 8}


def build(kind, **options):
    torch.manual_seed(0)
    return build_backbone({**BACKBONES[kind], **options}).eval()


def pictures(kind):
    side = SIDES.get(kind, 32)
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))


def trained(module):
    return {name for name, p in module.named_parameters() if p.requires_grad}


@pytest.mark.parametrize('kind', BACKBONES)
def test_a_border_in_any_model(kind):
    options = {'prompt_pos': 'pad', 'prompt_length': 3, 'prompt_init': 'uniform'}
    framed, plain = build(kind, **options), build(kind)
    x = pictures(kind)
    before = {k: v.clone() for k, v in framed.model.state_dict().items()}
    framed.train()
    features = framed(x)
    assert features.shape == plain(x).shape == (2, features.shape[1])
    features.square().sum().backward()
    assert trained(framed) == {'prompt'}
    assert (framed.prompt.grad.abs().amax((1, 2, 3)) > 0).all()
    assert all(torch.equal(v, before[k]) for k, v in framed.model.state_dict().items())
    # A border of zeros changes nothing.
    framed.prompt.data.zero_()
    torch.testing.assert_close(framed(x), plain(x))


@pytest.mark.parametrize('kind', BACKBONES)
def test_lora_in_any_model(kind):
    pytest.importorskip('peft', reason="pip install '.[lora]'")
    adapted, plain = build(kind, lora=LORA), build(kind)
    x = pictures(kind)
    adapted.train()
    modes = dict(adapted.model.named_modules())
    assert not any(m.training for n, m in modes.items() if 'dropout' not in n)
    # LoRA's second factor starts at zero: nothing changes before training.
    torch.testing.assert_close(adapted(x), plain(x))
    adapted(x).square().sum().backward()
    names = trained(adapted)
    assert names
    assert all('lora_' in name for name in names)
    gradients = {n: p.grad for n, p in adapted.named_parameters() if n in names}
    assert all(g.abs().max() > 0 for n, g in gradients.items() if 'lora_B' in n)


def test_lora_adds_scaled_products_of_its_factors():
    pytest.importorskip('peft', reason="pip install '.[lora]'")
    adapted, plain = build('vit', lora=LORA), build('vit')
    for number in range(2):
        layer = adapted.model.blocks[number].attn.qkv
        a, b = (getattr(layer, f'lora_{k}')['default'].weight for k in 'AB')
        b.data.normal_(generator=torch.Generator().manual_seed(number))
        product = 8 / 2 * b @ a  # alpha / r
        plain.model.blocks[number].attn.qkv.weight.data += product
    x = pictures('vit')
    assert (adapted(x) - build('vit')(x)).abs().max() > 0.01
    torch.testing.assert_close(adapted(x), plain(x))


def test_lora_dropout_acts_in_training_only():
    pytest.importorskip('peft', reason="pip install '.[lora]'")
    adapted = build('vit', lora={**LORA, 'lora_dropout': 0.5})
    for name, parameter in adapted.named_parameters():
        if 'lora_B' in name:
            parameter.data.fill_(1)
    x = pictures('vit')
    adapted.train()
    assert not torch.equal(adapted(x), adapted(x))
    adapted.eval()
    assert torch.equal(adapted(x), adapted(x))


def classifier(weights, **options):
    torch.manual_seed(1)
    backbone = {**TINY_VIT, 'checkpoint': str(weights), **options}
    head = {'type': 'MyLinearClsHead', 'num_classes': 2, 'in_channels': 32}
    return build_classifier(
        {'type': 'CITEClassifier', 'backbone': backbone, 'head': head}
    )


def test_checkpoints_hold_lora_and_not_what_it_adapts(tmp_path):
    pytest.importorskip('peft', reason="pip install '.[lora]'")
    torch.save(build('vit').model.state_dict(), tmp_path / 'vit.pth')
    model = classifier(tmp_path / 'vit.pth', lora=LORA).train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 1.0)
    for _ in range(2):  # the first step moves one factor alone
        optimizer.zero_grad()
        model(pictures('vit'), gt_label=torch.tensor([0, 1]))['loss'].backward()
        optimizer.step()
    state = model.state_dict()
    backbone = {name for name in state if name.startswith('backbone.')}
    assert len(backbone) == 4  # two factors of two blocks
    assert all('lora_' in name for name in backbone)
    torch.save({'state_dict': state}, tmp_path / 'run.pth')
    again = classifier(tmp_path / 'vit.pth', lora=LORA).eval()
    load_checkpoint(again, str(tmp_path / 'run.pth'), strict=True)
    model.eval()
    x = pictures('vit')
    torch.testing.assert_close(again.backbone(x), model.backbone(x))
    # Training moves no digest; other frozen weights do.
    assert torch.equal(state['frozen_digest'], again.state_dict()['frozen_digest'])
    other = build('vit').model
    other.norm.bias.data += 1
    torch.save(other.state_dict(), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='other frozen weights'):
        load_checkpoint(
            classifier(tmp_path / 'other.pth', lora=LORA), str(tmp_path / 'run.pth')
        )


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'lora': {'r': 2, 'rank': 3}}, 'does not fit the model'),
        ({'lora': {'r': 2, 'target_modules': ['nowhere']}}, 'does not fit the model'),
        ({'lora': {'r': 2}, 'fix': False}, 'Choose one'),
    ],
)
def test_lora_options_that_do_not_fit_are_an_error(options, message):
    pytest.importorskip('peft', reason="pip install '.[lora]'")
    with pytest.raises(ValueError, match=message):
        build('vit', **options)


def test_tokens_have_no_place_in_a_convolutional_model():
    with pytest.raises(ValueError, match=r"is a InternImageModel.*prompt_pos='pad'"):
        build('internimage', prompt_length=1)


def test_a_missing_file_says_where_weights_are(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone\.safetensors.*MODEL_ZOO\.md'):
        build('internimage', checkpoint=str(tmp_path / 'gone.safetensors'))


def test_unconverted_names_say_the_command(tmp_path):
    path = tmp_path / 'mae.pth'
    state = {f'module.{k}': v for k, v in build('vit').model.state_dict().items()}
    torch.save({'model': state}, path)
    with pytest.raises(ValueError, match=rf'cite convert {Path(path)} OUT'):
        build('vit', checkpoint=str(path))


@torch.no_grad()
@pytest.mark.parametrize('kind', BACKBONES)
def test_bf16_on_a_cpu_is_near_fp32(kind):
    """What ``precision='auto'`` is on some CPUs; torch 1.13's norms refuse it."""
    backbone, x = build(kind), pictures(kind)
    with torch.autocast('cpu', torch.bfloat16):
        half = backbone(x).float()
    full = backbone(x)
    assert (half - full).norm() < 0.05 * full.norm()
