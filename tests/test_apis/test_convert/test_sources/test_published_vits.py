"""Gated pathology ViTs: what their pages hand to timm, with less width and depth."""

import pytest
import torch
from mmcls.models import build_backbone
from timm.layers import SwiGLUPacked
from timm.models.vision_transformer import VisionTransformer
from torch import nn

SMALL = {'embed_dim': 48, 'depth': 2, 'num_heads': 2}
GATED = {'init_values': 1e-5, 'mlp_layer': SwiGLUPacked, 'act_layer': nn.SiLU}
REGISTERS = {'no_embed_class': True, 'mlp_ratio': 2.66667 * 2}
# What each page's code or config.json hands to timm, but for SMALL and num_classes=0.
PAGES = {
    'uni': {'patch_size': 16, 'init_values': 1e-5},
    'uni2_h': {'patch_size': 14, 'reg_tokens': 8, **GATED, **REGISTERS},
    'virchow': {'patch_size': 14, 'mlp_ratio': 5.3375, **GATED},
    'virchow2': {'patch_size': 14, 'mlp_ratio': 5.3375, 'reg_tokens': 4, **GATED},
    'prov_gigapath': {'patch_size': 16, 'mlp_ratio': 5.33334, **GATED},
    'h_optimus_0': {'patch_size': 14, 'reg_tokens': 4, **GATED, **REGISTERS},
}


def reference(arguments):
    torch.manual_seed(0)
    model = VisionTransformer(num_classes=0, **{**arguments, **SMALL}).eval()
    for parameter in model.parameters():  # layer scale would hide the blocks
        nn.init.normal_(parameter, std=0.2)
    return model


@pytest.mark.parametrize('name', PAGES)
def test_features(tmp_path, convert, assert_same, name):
    model = reference(PAGES[name])
    torch.save(model.state_dict(), tmp_path / 'pytorch_model.bin')
    conversion = convert(tmp_path / 'pytorch_model.bin', layout='timm')
    assert (conversion.missing, conversion.unexpected) == ([], [])
    backbone = build_backbone(
        dict(
            type='TIMMImageBackbone',
            model_name=name,
            checkpoint=str(tmp_path / 'out.safetensors'),
            **SMALL,
        )
    ).eval()
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert_same(backbone(images), model.forward_features(images)[:, 0])
