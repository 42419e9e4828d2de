"""Positions between sizes: each author's rule, against code that is not ours."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional as F

from cite.models.architectures.positions import RULES, resize_grid, set_positions

SIDE, WIDTH = 14, 3


def white(side=SIDE):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, side * side, WIDTH, generator=generator)


def cubic(distance, a=-0.75):
    """Keys' kernel, with torch's parameter."""
    x = abs(distance)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def row_weights(old, new, scale):
    """Weights of old samples for each new one: (i + 0.5) / scale - 0.5, edges kept."""
    weights = np.zeros((new, old))
    for i in range(new):
        centre = (i + 0.5) / scale - 0.5
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            weights[i, min(max(tap, 0), old - 1)] += cubic(centre - tap)
    return weights


@pytest.mark.parametrize(
    ('name', 'old', 'new'),
    [('dino', 14, 16), ('dino', 37, 16), ('dino', 14, 4), ('plain', 14, 16)],
)
def test_bicubic_rules_by_hand(name, old, new):
    """DINO's scale is a tenth of a patch too large; MAE's is exact."""
    scale = (new + (0.1 if name == 'dino' else 0)) / old
    weights = row_weights(old, new, scale)
    grid = white(old).reshape(old, old, WIDTH).double().numpy()
    wanted = np.einsum('ai,bj,ijd->abd', weights, weights, grid)
    got = resize_grid(white(old), (new, new), RULES[name])
    np.testing.assert_allclose(
        got[0].reshape(new, new, WIDTH).numpy(), wanted, atol=2e-5
    )


def test_google_zooms_from_corner_to_corner():
    grid = white().reshape(SIDE, SIDE, WIDTH).numpy()
    wanted = ndimage.zoom(grid, (24 / SIDE, 20 / SIDE, 1), order=1)
    got = resize_grid(white(), (24, 20), RULES['google'])
    np.testing.assert_allclose(got[0].reshape(24, 20, WIDTH), wanted, atol=1e-5)


def test_antialias_is_timms():
    from timm.layers import resample_abs_pos_embed

    wanted = resample_abs_pos_embed(white(37), (16, 16), num_prefix_tokens=0)
    assert torch.equal(resize_grid(white(37), (16, 16), RULES['timm']), wanted)


@pytest.mark.parametrize('name', RULES)
def test_the_trained_grid_stays_and_precision_too(name):
    positions = white()
    assert resize_grid(positions, (SIDE, SIDE), RULES[name]) is positions
    half = resize_grid(positions.half(), (16, 12), RULES[name])
    assert (half.dtype, half.shape) == (torch.float16, (1, 192, WIDTH))


@pytest.mark.parametrize('registers', [0, 4])
@pytest.mark.parametrize('no_embed_class', [False, True])
def test_with_timms_rule_a_vit_computes_what_timm_does(registers, no_embed_class):
    import timm

    torch.manual_seed(0)
    model = timm.create_model(
        'vit_tiny_patch16_224',
        depth=2,
        num_classes=0,
        reg_tokens=registers,
        no_embed_class=no_embed_class,
        dynamic_img_size=True,
    ).eval()
    images = torch.randn(1, 3, 160, 96)
    with torch.no_grad():
        wanted = model(images)
        set_positions(model, 'timm')
        assert torch.equal(model(images), wanted)
        set_positions(model, 'dino')
        assert not F.cosine_similarity(model(images), wanted).gt(1 - 1e-7).all()


def test_a_rule_that_does_not_exist_or_fit():
    import timm

    with pytest.raises(ValueError, match=r"positions is 'linear'.*'dino'"):
        set_positions(timm.create_model('vit_tiny_patch16_224'), 'linear')
    with pytest.raises(ValueError, match='ResNet is not one'):
        set_positions(timm.create_model('resnet18'), 'dino')
