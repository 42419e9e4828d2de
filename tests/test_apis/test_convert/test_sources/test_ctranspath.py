"""CTransPath: transformers' Swin behind the published stem is the reference."""

import pytest
import torch
from published_swin import Reference


@pytest.mark.parametrize('layout', [None, 'ctranspath'])
def test_features(tmp_path, randomised, convert, built, assert_same, layout):
    torch.manual_seed(0)
    reference = Reference(randomised).eval()
    torch.save(reference.published(), tmp_path / 'ctranspath.pth')
    conversion = convert(tmp_path / 'ctranspath.pth', layout=layout)
    assert conversion.layout == 'CTransPath'
    assert all(
        'attn_mask' in n or 'index' in n or 'head' in n for n in conversion.dropped
    )
    backbone = built(conversion)
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert_same(backbone(images), reference(images))
        # Another size: as many windows as it takes.
        images = torch.randn(1, 3, 224, 448)
        assert_same(backbone(images), reference(images))


def test_mi_zeros_image_tower(tmp_path, randomised, convert, built, assert_same):
    """MI-Zero's file: the trunk beside a projection and a text tower.

    At its 448 pixels the last stage has more than one window, which are then shifted:
    the model has to be told the size.
    """
    torch.manual_seed(0)
    reference = Reference(randomised).eval()
    state = {
        f'module.visual.trunk.{name}': tensor
        for name, tensor in reference.published()['model'].items()
        if not name.startswith('head.')
    }
    state['module.visual.head.proj.weight'] = torch.ones(2, 768)
    state['module.transformer.embeddings.LayerNorm.weight'] = torch.ones(2)
    state['module.text_projection'] = torch.ones(2, 2)
    torch.save({'state_dict': state}, tmp_path / 'ctranspath_448_pubmedbert.pt')
    conversion = convert(tmp_path / 'ctranspath_448_pubmedbert.pt')
    assert conversion.layout == 'CTransPath'
    assert 'text_projection' in conversion.dropped
    images = torch.randn(1, 3, 448, 448)
    with torch.no_grad():
        assert_same(built(conversion, img_size=448)(images), reference(images))
