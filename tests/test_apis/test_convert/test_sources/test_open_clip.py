"""CLIP under OpenAI's names, in the wrappings of OpenAI and open_clip."""

import json

import pytest
import torch
from clip.model import CLIP

from cite.core.files.weights import load_weights

VIT = {'image_resolution': 32, 'vision_layers': 2, 'vision_width': 64}
RESNET = {'image_resolution': 32, 'vision_layers': (1, 2, 1, 1), 'vision_width': 4}
TEXT = {
    'embed_dim': 16,
    'context_length': 7,
    'vocab_size': 50,
    'transformer_width': 64,
    'transformer_heads': 1,
    'transformer_layers': 2,
}
TOWERS = [{**VIT, 'vision_patch_size': 8}, {**RESNET, 'vision_patch_size': None}]


@pytest.fixture
def clip_model(randomised):
    return lambda tower=TOWERS[0]: randomised(CLIP(**tower, **TEXT), 0)


def assert_same_clip(tmp_path, model, images, tower=TOWERS[0]):
    """Load the output into OpenAI's own class: every name, and the same features."""
    loaded = CLIP(**tower, **TEXT).eval()
    loaded.load_state_dict(load_weights(tmp_path / 'out.safetensors'))
    texts = torch.tensor([[1, 2, 49, 0, 0, 0, 0], [3, 49, 0, 0, 0, 0, 0]])
    with torch.no_grad():
        for got, wanted in zip(loaded(images, texts), model(images, texts)):
            torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('tower', TOWERS, ids=['vit', 'resnet'])
def test_open_clip_training_checkpoint(tmp_path, clip_model, images, convert, tower):
    model = clip_model(tower)
    state = {f'module.{k}': v for k, v in model.state_dict().items()}
    torch.save({'epoch': 3, 'name': 'run', 'state_dict': state}, tmp_path / 'e.pt')
    conversion = convert(tmp_path / 'e.pt')
    assert conversion.config == {'type': 'CLIPImageBackbone'}
    assert_same_clip(tmp_path, model, images, tower)


def test_custom_text_tower(tmp_path, clip_model, images, convert):
    model = clip_model()
    state = {
        k if k.startswith(('visual.', 'logit_scale')) else f'text.{k}': v
        for k, v in model.state_dict().items()
    }
    state['text.attn_mask'] = torch.zeros(7, 7)
    torch.save(state, tmp_path / 'custom.pt')
    convert(tmp_path / 'custom.pt', layout='clip', target='clip')
    assert_same_clip(tmp_path, model, images)


def test_openais_settings_are_left_out_and_tell_the_activation(
    tmp_path, clip_model, images, convert
):
    model = clip_model()
    settings = {'input_resolution': 32, 'context_length': 7, 'vocab_size': 50}
    tensors = {k: torch.tensor(v) for k, v in settings.items()}
    torch.save({**model.state_dict(), **tensors}, tmp_path / 'openai.pt')
    conversion = convert(tmp_path / 'openai.pt')
    assert sorted(conversion.dropped) == sorted(settings)
    assert conversion.notes == []
    assert_same_clip(tmp_path, model, images)


def test_unknown_activation_is_said(tmp_path, clip_model, convert):
    torch.save(clip_model().state_dict(), tmp_path / 'clip.pt')
    (note,) = convert(tmp_path / 'clip.pt').notes
    assert "open_clip models without '-quickgelu' in their name use GELU" in note


@pytest.mark.parametrize(
    ('config', 'sentence'),
    [
        ({'embed_dim': 16}, 'uses GELU'),
        (
            {'quick_gelu': True, 'vision_cfg': {'head_width': 80}},
            r'\[64, 80\] channels',
        ),
        ({'quick_gelu': True, 'text_cfg': {'width': 64, 'heads': 2}}, r'\[32, 64\] ch'),
    ],
)
def test_config_beside_the_file_can_rule_it_out(
    tmp_path, clip_model, convert, config, sentence
):
    torch.save(clip_model().state_dict(), tmp_path / 'open_clip_pytorch_model.bin')
    file = tmp_path / 'open_clip_config.json'
    file.write_text(json.dumps({'model_cfg': config}))
    with pytest.raises(ValueError, match=sentence):
        convert(tmp_path)
    file.write_text(json.dumps({'model_cfg': {'quick_gelu': True}}))
    assert convert(tmp_path).notes == []


def test_an_image_tower_of_timm_is_refused(tmp_path, clip_model, convert):
    state = clip_model().state_dict()
    state = {k.replace('visual.', 'visual.trunk.'): v for k, v in state.items()}
    state['visual.trunk.cls_token'] = torch.ones(1, 1, 64)
    torch.save(state, tmp_path / 'trunk.pt')
    with pytest.raises(ValueError, match=r'not an OpenAI CLIP.*missing visual'):
        convert(tmp_path / 'trunk.pt')
