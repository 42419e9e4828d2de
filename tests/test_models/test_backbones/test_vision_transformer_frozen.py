import pytest
import torch
from mmcls.models import build_backbone
from mmcls.models.backbones import VisionTransformer
from mmcv.runner import save_checkpoint

ARCH = {'embed_dims': 16, 'num_layers': 3, 'num_heads': 2, 'feedforward_channels': 32}
OPTIONS = {'arch': ARCH, 'img_size': 32, 'patch_size': 8}


def build(**kwargs):
    torch.manual_seed(0)
    return build_backbone(dict(type='VisionTransformerFrozen', **OPTIONS, **kwargs))


@pytest.fixture
def pretrained():
    """Return mmcls' own ViT with weights of every parameter away from zero."""
    torch.manual_seed(1)
    model = VisionTransformer(**OPTIONS)
    model.eval()  # mmcls' own returns nothing
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def test_it_returns_mmcls_class_token(pretrained, images, tmp_path, caplog):
    save_checkpoint(pretrained, str(tmp_path / 'vit.pth'))
    source = {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'vit.pth')}
    backbone = build(init_cfg=source, output_cls_token=False)
    backbone.init_weights()
    assert 'missing' not in caplog.text
    _, expected = pretrained(images())[0]
    assert torch.equal(backbone(images()), expected)
    assert {*backbone.state_dict()} == {*pretrained.state_dict()}


def test_all_of_it_is_frozen_and_dropout_off():
    backbone = build(drop_rate=0.5, drop_path_rate=0.5)
    assert backbone.training  # as a new module is
    backbone.train()
    assert not any(p.requires_grad for p in backbone.parameters())
    assert not any(m.training for m in backbone.modules() if m is not backbone)


def test_the_config_is_left_as_it_is():
    indices = [-1]
    build(out_indices=indices)
    assert indices == [-1]


def test_what_has_no_class_token_is_an_error():
    with pytest.raises(ValueError, match='needs the class token that it returns'):
        build(with_cls_token=False)
    with pytest.raises(ValueError, match='3 blocks, numbered 0 to 2'):
        build(out_indices=3)
