"""transformers' CLIPModel, as its own save_pretrained writes it."""

import json

import pytest
import torch
from clip.model import CLIP
from mmcls.models import BACKBONES
from transformers import CLIPConfig, CLIPModel

from cite.apis.convert import convert_checkpoint
from cite.core.files.weights import load_weights

VISION = {
    'hidden_size': 128,
    'intermediate_size': 512,
    'num_hidden_layers': 2,
    'num_attention_heads': 2,
    'image_size': 32,
    'patch_size': 8,
}
TEXT = {
    'hidden_size': 64,
    'intermediate_size': 256,
    'num_hidden_layers': 3,
    'num_attention_heads': 1,
    'vocab_size': 50,
    'max_position_embeddings': 7,
    'bos_token_id': 48,
    'eos_token_id': 49,
}
# The same sizes in the words of OpenAI's class.
OPENAI = {
    'embed_dim': 16,
    'image_resolution': 32,
    'vision_layers': 2,
    'vision_width': 128,
    'vision_patch_size': 8,
    'context_length': 7,
    'vocab_size': 50,
    'transformer_width': 64,
    'transformer_heads': 1,
    'transformer_layers': 3,
}


@pytest.fixture
def clip_model(randomised):
    def build(vision=None, text=None):
        config = CLIPConfig(
            vision_config={**VISION, **(vision or {})},
            text_config={**TEXT, **(text or {})},
            projection_dim=16,
        )
        return randomised(CLIPModel(config), 0)

    return build


def test_features_and_similarities(tmp_path, clip_model, images, convert, assert_same):
    model = clip_model()
    model.save_pretrained(tmp_path / 'clip')
    conversion = convert(tmp_path / 'clip')
    assert conversion.layout == 'transformers CLIP'
    assert conversion.notes == []
    loaded = CLIP(**OPENAI).eval()
    loaded.load_state_dict(load_weights(tmp_path / 'out.safetensors'))
    texts = torch.tensor([[48, 2, 49, 0, 0, 0, 0], [48, 5, 6, 49, 0, 0, 0]])
    with torch.no_grad():
        wanted = model(input_ids=texts, pixel_values=images)
        vision = model.vision_model(images).pooler_output
        assert_same(loaded.encode_image(images), model.visual_projection(vision))
        got = loaded(images, texts)[0]
    assert_same(got, wanted.logits_per_image)


def test_our_backbone_loads_the_file_by_arch(
    tmp_path, clip_model, images, convert, assert_same
):
    model = clip_model()
    model.save_pretrained(tmp_path / 'clip')
    config = convert(tmp_path / 'clip').config
    config['arch'] = str(tmp_path / 'out.safetensors')
    backbone = BACKBONES.build(config).eval()
    with torch.no_grad():
        vision = model.vision_model(images).pooler_output
        assert_same(backbone(images), model.visual_projection(vision))


def test_old_files_with_position_ids_and_without_config(tmp_path, clip_model, convert):
    state = clip_model().state_dict()
    state['vision_model.embeddings.position_ids'] = torch.arange(17)[None]
    state['text_model.embeddings.position_ids'] = torch.arange(7)[None]
    torch.save(state, tmp_path / 'clip.pth')
    conversion = convert(tmp_path / 'clip.pth')
    assert len(conversion.dropped) == 2
    assert 'QuickGELU and 64 channels' in conversion.notes[0]


@pytest.mark.parametrize(
    ('vision', 'text', 'sentence'),
    [
        ({'hidden_act': 'gelu'}, {}, 'its vision_config has gelu'),
        ({}, {'num_attention_heads': 2}, 'its text_config has quick_gelu, 32 channels'),
        ({'layer_norm_eps': 1e-6}, {}, 'epsilon 1e-06'),
    ],
)
def test_what_openais_model_cannot_compute_is_refused(
    tmp_path, clip_model, convert, vision, text, sentence
):
    clip_model(vision, text).save_pretrained(tmp_path / 'clip')
    with pytest.raises(ValueError, match=sentence):
        convert(tmp_path / 'clip')


def test_another_mlp_ratio_is_refused(tmp_path, clip_model, convert):
    clip_model({'intermediate_size': 256}).save_pretrained(tmp_path / 'clip')
    with pytest.raises(ValueError, match=r'6 of another shape \(2x visual'):
        convert(tmp_path / 'clip')


def test_an_image_tower_alone_is_refused(tmp_path, clip_model, convert):
    state = clip_model().state_dict()
    vision = {k: v for k, v in state.items() if k.startswith('vis')}
    torch.save(vision, tmp_path / 'vision.pth')
    with pytest.raises(ValueError, match=r'an OpenAI CLIP.*positional_embedding'):
        convert(tmp_path / 'vision.pth')


@pytest.mark.parametrize('quick', [False, True])
def test_a_folder_with_open_clips_file_too(tmp_path, clip_model, convert, quick):
    """QuiltNet's folder: its authors load the file of open_clip, with plain GELU."""
    folder = tmp_path / 'quilt'
    clip_model().save_pretrained(folder)
    torch.save(
        {'visual.conv1.weight': torch.ones(1)}, folder / 'open_clip_pytorch_model.bin'
    )
    config = {'model_cfg': {'embed_dim': 16, **({'quick_gelu': True} if quick else {})}}
    (folder / 'open_clip_config.json').write_text(json.dumps(config))
    (note,) = convert(folder).notes
    assert 'two files of the model, model.safetensors (transformers)' in note
    assert ('implies plain GELU' in note) is not quick
    if not quick:
        with pytest.raises(ValueError, match='it uses GELU'):
            convert(folder / 'open_clip_pytorch_model.bin', force=True)


def test_what_is_said_about_images(tmp_path, clip_model, tiny_vit):
    """CLIP's backbone knows its own; a ViT of timm's layout does not."""
    said = []
    clip_model().save_pretrained(tmp_path / 'clip')
    convert_checkpoint(tmp_path / 'clip', tmp_path / 'clip.pt', log=said.append)
    assert "CLIP's own mean and std" in said[-1]
    torch.save(tiny_vit().state_dict(), tmp_path / 'vit.bin')
    convert_checkpoint(tmp_path / 'vit.bin', tmp_path / 'vit.pth', log=said.append)
    assert 'does not say how images are normalised' in said[-1]
