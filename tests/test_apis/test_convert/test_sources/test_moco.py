"""MoCo v3: the file its training writes, against the encoder it was written from."""

import pytest
import torch

from cite.core.files.weights import load_weights

# What the released converter writes for a ViT of one block, by hand.
RELEASED_NAMES = {
    'backbone.cls_token',
    'backbone.pos_embed',
    'backbone.patch_embed.projection.weight',
    'backbone.patch_embed.projection.bias',
    'backbone.layers.0.ln1.weight',
    'backbone.layers.0.ln1.bias',
    'backbone.layers.0.attn.qkv.weight',
    'backbone.layers.0.attn.qkv.bias',
    'backbone.layers.0.attn.proj.weight',
    'backbone.layers.0.attn.proj.bias',
    'backbone.layers.0.ln2.weight',
    'backbone.layers.0.ln2.bias',
    'backbone.layers.0.ffn.layers.0.0.weight',
    'backbone.layers.0.ffn.layers.0.0.bias',
    'backbone.layers.0.ffn.layers.1.weight',
    'backbone.layers.0.ffn.layers.1.bias',
    'backbone.ln1.weight',
    'backbone.ln1.bias',
}


def moco_checkpoint(encoder, momentum):
    """Wrap two encoders as main_moco.py does: heads are perceptrons, DDP's prefix."""
    state = {}
    for name, model in (('base_encoder', encoder), ('momentum_encoder', momentum)):
        for key, value in model.state_dict().items():
            if not key.startswith('head'):
                state[f'module.{name}.{key}'] = value
        state[f'module.{name}.head.0.weight'] = torch.ones(6, 32)
        state[f'module.{name}.head.1.running_mean'] = torch.ones(6)
        state[f'module.{name}.head.1.num_batches_tracked'] = torch.tensor(3)
    state['module.predictor.0.weight'] = torch.ones(6, 6)
    return {'epoch': 300, 'arch': 'vit_small', 'state_dict': state}


def test_features_are_the_base_encoders(
    tmp_path, tiny_vit, images, convert, to, vit_features, assert_same
):
    encoder = tiny_vit(seed=0)
    torch.save(moco_checkpoint(encoder, tiny_vit(seed=1)), tmp_path / 'moco.pth.tar')
    conversion = convert(tmp_path / 'moco.pth.tar', target=to)
    assert conversion.layout == 'MoCo v3'
    with torch.no_grad():
        wanted = encoder.forward_features(images)
    assert_same(vit_features(conversion, images, heads=4), wanted)


def test_names_are_those_of_the_released_converter(tmp_path, tiny_vit, convert):
    encoder = tiny_vit(depth=1)
    torch.save(moco_checkpoint(encoder, encoder), tmp_path / 'moco.pth.tar')
    convert(tmp_path / 'moco.pth.tar')
    written = load_weights(tmp_path / 'out.safetensors')
    assert set(written) == RELEASED_NAMES
    final_norm = encoder.norm.weight
    torch.testing.assert_close(written['backbone.ln1.weight'], final_norm.data)


def test_everything_but_the_encoder_is_listed_as_left_out(tmp_path, tiny_vit, convert):
    encoder = tiny_vit(depth=1)
    torch.save(moco_checkpoint(encoder, encoder), tmp_path / 'moco.pth.tar')
    dropped = convert(tmp_path / 'moco.pth.tar').dropped
    # 18 tensors and 3 of the head in the momentum encoder, 3 of the head, 1 predictor.
    assert len(dropped) == 25
    assert 'module.base_encoder.head.0.weight' in dropped


@pytest.mark.parametrize(('width', 'heads'), [(384, 12), (768, 12)])
def test_number_of_heads_of_the_published_models(
    tmp_path, tiny_vit, convert, width, heads
):
    encoder = tiny_vit(depth=1, embed_dim=width, num_heads=12)
    torch.save(moco_checkpoint(encoder, encoder), tmp_path / 'moco.pth.tar')
    conversion = convert(tmp_path / 'moco.pth.tar')
    assert conversion.config['arch'] == {
        'embed_dims': width,
        'num_layers': 1,
        'num_heads': heads,
        'feedforward_channels': 4 * width,
    }


def test_a_moco_resnet_is_refused(tmp_path, convert):
    state = {'module.base_encoder.conv1.weight': torch.ones(4, 3, 7, 7)}
    torch.save({'state_dict': state}, tmp_path / 'r50.pth.tar')
    with pytest.raises(ValueError, match='not a plain ViT: it lacks cls_token'):
        convert(tmp_path / 'r50.pth.tar')
    assert not (tmp_path / 'out.safetensors').exists()
