"""transformers' ViTs, as their own save_pretrained writes them."""

import pytest
import torch
from newer_names import newer_names
from saved_model import save_model
from transformers import (
    ViTConfig,
    ViTForImageClassification,
    ViTMAEConfig,
    ViTMAEForPreTraining,
    ViTModel,
)

from cite.models.backbones.transformers_names import older_state

SIZES = {
    'hidden_size': 32,
    'num_hidden_layers': 3,
    'num_attention_heads': 4,
    'intermediate_size': 48,
    'image_size': 32,
    'patch_size': 8,
}


def hidden_state(model, images):
    with torch.no_grad():
        return model(images).last_hidden_state  # (N, 1 + patches, D)


@pytest.mark.parametrize('safe', [True, False])
def test_features_of_a_hub_folder(
    tmp_path, randomised, images, convert, to, vit_features, assert_same, safe
):
    model = randomised(ViTModel(ViTConfig(**SIZES)), 0)
    save_model(model, tmp_path / 'vit', safe)
    conversion = convert(tmp_path / 'vit', target=to)
    assert conversion.layout == 'transformers ViT'
    # Both are in config.json alone.
    heads = conversion.config.get('arch', conversion.config)['num_heads']
    assert heads == 4
    norm = conversion.config.get('norm_cfg', conversion.config)
    assert norm['eps' if to == 'mmcls' else 'norm_eps'] == 1e-12
    got = vit_features(conversion, images, heads=4)
    assert_same(got, hidden_state(model, images))


def test_other_epsilon_is_carried_over(
    tmp_path, randomised, images, convert, to, vit_features, assert_same
):
    model = randomised(ViTModel(ViTConfig(**SIZES, layer_norm_eps=0.1)), 0)
    model.save_pretrained(tmp_path / 'vit')
    conversion = convert(tmp_path / 'vit', target=to)
    got = vit_features(conversion, images, heads=4)
    assert_same(got, hidden_state(model, images))


def test_classifier_and_missing_qkv_bias(
    tmp_path, randomised, images, convert, to, vit_features, assert_same
):
    model = ViTForImageClassification(ViTConfig(**SIZES, qkv_bias=False))
    randomised(model, 0)
    torch.save(model.state_dict(), tmp_path / 'vit.pth')
    conversion = convert(tmp_path / 'vit.pth', layout='vit', target=to)
    assert conversion.dropped == ['classifier.weight', 'classifier.bias']
    assert conversion.config['qkv_bias'] is False
    got = vit_features(conversion, images, heads=4)
    assert_same(got, hidden_state(model.vit, images))


def test_mae_of_transformers_loses_its_decoder(tmp_path, convert):
    config = ViTMAEConfig(
        **SIZES,
        decoder_hidden_size=16,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=16,
    )
    ViTMAEForPreTraining(config).save_pretrained(tmp_path / 'mae')
    conversion = convert(tmp_path / 'mae')
    assert conversion.missing == conversion.unexpected == []
    assert all(name.startswith('decoder.') for name in conversion.dropped)


def test_features_of_mae_with_all_patches(
    tmp_path, randomised, images, convert, vit_features
):
    """transformers' own model hides patches and shuffles them by the noise given."""
    decoder = {f'decoder_{k}': v for k, v in SIZES.items() if 'size' not in k}
    decoder.update(decoder_hidden_size=16, decoder_intermediate_size=16)
    config = ViTMAEConfig(**SIZES, **decoder, mask_ratio=0.0)
    model = randomised(ViTMAEForPreTraining(config), 0)
    save_model(model, tmp_path / 'mae')
    got = vit_features(convert(tmp_path / 'mae'), images, heads=4)
    noise = torch.arange(16.0).repeat(len(images), 1)
    with torch.no_grad():
        wanted = model.vit(images, noise=noise).last_hidden_state
    torch.testing.assert_close(got[:, 0], wanted[:, 0])


def test_another_activation_is_refused(tmp_path, convert):
    model = ViTModel(ViTConfig(**SIZES, hidden_act='relu'))
    model.save_pretrained(tmp_path / 'vit')
    with pytest.raises(ValueError, match="names the activation 'relu'"):
        convert(tmp_path / 'vit')


def test_a_state_dict_of_transformers_5(
    tmp_path, randomised, images, convert, vit_features, assert_same
):
    model = randomised(ViTModel(ViTConfig(**SIZES)), 0)
    state = newer_names('vit', older_state(model.state_dict()))
    assert 'layers.0.attention.q_proj.weight' in state
    torch.save({f'vit.{k}': t for k, t in state.items()}, tmp_path / 'vit.pth')
    conversion = convert(tmp_path / 'vit.pth', layout='vit')
    assert_same(vit_features(conversion, images, heads=4), hidden_state(model, images))
