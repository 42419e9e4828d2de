"""MAE and RETFound: pre-training files with a decoder, and fine-tuned ones."""

import pytest
import torch
from transformers import ViTConfig, ViTModel


def pretraining_state(encoder):
    """Names of MaskedAutoencoderViT: no head, a mask token, a decoder."""
    state = {k: v for k, v in encoder.state_dict().items() if not k.startswith('head')}
    state['mask_token'] = torch.ones(1, 1, 16)
    state['decoder_pos_embed'] = torch.ones(1, 17, 16)
    state['decoder_embed.weight'] = torch.ones(16, 32)
    state['decoder_blocks.0.norm1.weight'] = torch.ones(16)
    return state


@pytest.mark.parametrize('layout', [None, 'mae', 'retfound'])
def test_features_are_the_encoders(
    tmp_path, tiny_vit, images, convert, to, vit_features, assert_same, layout
):
    encoder = tiny_vit()
    torch.save({'model': pretraining_state(encoder)}, tmp_path / 'mae.pth')
    conversion = convert(tmp_path / 'mae.pth', layout=layout, target=to)
    assert conversion.layout == 'MAE'
    assert len(conversion.dropped) == 4
    with torch.no_grad():
        wanted = encoder.forward_features(images)
    assert_same(vit_features(conversion, images, heads=4), wanted)


def test_a_fine_tuned_model_with_class_token_loses_its_head_only(
    tmp_path, tiny_vit, convert
):
    torch.save({'model': tiny_vit().state_dict()}, tmp_path / 'tuned.pth')
    assert convert(tmp_path / 'tuned.pth').dropped == ['head.weight', 'head.bias']


def test_a_model_fine_tuned_with_average_pooling_is_refused(
    tmp_path, tiny_vit, convert
):
    # As RETFound's fine-tuning does: fc_norm after pooling in place of norm.
    state = tiny_vit(global_pool='avg').state_dict()
    assert 'fc_norm.weight' in state
    torch.save({'model': state}, tmp_path / 'tuned.pth')
    with pytest.raises(ValueError, match='with average pooling'):
        convert(tmp_path / 'tuned.pth')


@pytest.mark.parametrize(
    ('width', 'depth', 'heads', 'patch'),
    [
        (64, 3, 4, 8),
        # ViT-H/14 with less width and fewer blocks.
        (160, 4, 2, 14),
        pytest.param(768, 12, 12, 16, marks=pytest.mark.long),
        pytest.param(1024, 24, 16, 16, marks=pytest.mark.long),  # RETFound
    ],
)
def test_features_are_those_of_transformers(
    tmp_path,
    randomised,
    timm_names,
    convert,
    built,
    assert_same,
    width,
    depth,
    heads,
    patch,
):
    side = 224 if width > 700 else 4 * patch
    config = ViTConfig(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        patch_size=patch,
        image_size=side,
        layer_norm_eps=1e-6,
    )
    model = randomised(ViTModel(config, add_pooling_layer=False), 0)
    state = {**timm_names(model), 'mask_token': torch.ones(1, 1, 16)}
    torch.save({'model': state}, tmp_path / 'mae.pth')
    backbone = built(convert(tmp_path / 'mae.pth'), num_heads=heads)
    images = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert_same(backbone(images), model(images).last_hidden_state[:, 0])
