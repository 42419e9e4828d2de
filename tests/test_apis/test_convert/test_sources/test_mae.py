"""MAE and RETFound: pre-training files with a decoder, and fine-tuned ones."""

import pytest
import torch


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
    tmp_path, tiny_vit, images, convert, mmcls_features, assert_same, layout
):
    encoder = tiny_vit()
    torch.save({'model': pretraining_state(encoder)}, tmp_path / 'mae.pth')
    conversion = convert(tmp_path / 'mae.pth', layout=layout)
    assert conversion.layout == 'MAE'
    assert len(conversion.dropped) == 4
    with torch.no_grad():
        wanted = encoder.forward_features(images)
    assert_same(mmcls_features(conversion, images, heads=4), wanted)


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
