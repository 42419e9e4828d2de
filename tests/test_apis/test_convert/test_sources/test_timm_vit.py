"""timm's ViTs: bare, in training checkpoints, real, and those that are not plain."""

from pathlib import Path

import pytest
import timm
import torch
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
