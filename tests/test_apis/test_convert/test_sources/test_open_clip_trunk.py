"""BiomedCLIP and CONCH: a ViT of timm as open_clip's image tower."""

import json

import torch
from transformers import ViTConfig, ViTModel


def test_features_are_the_trunks(
    tmp_path, randomised, timm_names, convert, built, assert_same
):
    config = ViTConfig(
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=1,
        intermediate_size=256,
        patch_size=8,
        image_size=32,
        layer_norm_eps=1e-6,
    )
    model = randomised(ViTModel(config, add_pooling_layer=False), 0)
    state = {f'visual.trunk.{k}': v for k, v in timm_names(model).items()}
    state['visual.head.proj.weight'] = torch.ones(8, 64)
    state['text.transformer.embeddings.LayerNorm.weight'] = torch.ones(4)
    state['logit_scale'] = torch.ones(())
    torch.save(state, tmp_path / 'open_clip_pytorch_model.bin')
    preprocess = {'mean': [0.1, 0.2, 0.3], 'std': [0.4, 0.5, 0.6]}
    settings = json.dumps({'model_cfg': {}, 'preprocess_cfg': preprocess})
    (tmp_path / 'open_clip_config.json').write_text(settings)
    conversion = convert(tmp_path)
    assert conversion.stats.mean == (0.1, 0.2, 0.3)
    assert len(conversion.dropped) == 3
    assert 'before the projection' in conversion.notes[0]
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert_same(built(conversion)(images), model(images).last_hidden_state[:, 0])
