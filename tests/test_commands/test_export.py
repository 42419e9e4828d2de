"""A full export predicts what the trimmed checkpoint does, with and without cite."""

import json
import sys

import numpy as np
import pytest
import torch
from commands import ROOT, run
from mmcls.models import build_classifier
from mmcv.runner import load_checkpoint, save_checkpoint

import cite  # noqa: F401
from cite.apis.export import export_checkpoint
from cite.core.files.weights import load_weights
from demo.models import tiny_clip

PLAIN_MMCLS = """
import json, sys, torch
from mmcls.models import build_classifier
from mmcv.runner import load_checkpoint
path, images = sys.argv[1:]
arch = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)
model = build_classifier(dict(
    type='ImageClassifier',
    backbone=dict(type='VisionTransformer', arch=arch, img_size=32),
    head=dict(type='VisionTransformerClsHead', num_classes=3, in_channels=16)))
state = torch.load(path, map_location='cpu')
names = {'head.fc.weight': 'head.layers.head.weight',
         'head.fc.bias': 'head.layers.head.bias'}
state = {names.get(k, k): v for k, v in state['state_dict'].items()}
model.load_state_dict(state, strict=True)
with torch.no_grad():
    scores = model.eval()(torch.load(images), return_loss=False)
assert 'cite' not in sys.modules
print(json.dumps([row.tolist() for row in scores]))
"""


@pytest.fixture
def images(tmp_path):
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.save(images, tmp_path / 'images.pt')
    return images


def write(tmp_path, model):
    path = tmp_path / 'config.py'
    path.write_text(f"custom_imports = dict(imports=['cite'])\nmodel = {model!r}\n")
    return path


def scores(model, images):
    with torch.no_grad():
        return np.stack(model.eval()(images, return_loss=False))


def run_of_mmcls_vit(tmp_path, images):
    arch = {
        'embed_dims': 16,
        'num_layers': 2,
        'num_heads': 2,
        'feedforward_channels': 32,
    }
    vit = {'type': 'VisionTransformerFrozen', 'arch': arch, 'img_size': 32}
    torch.manual_seed(0)
    head = {'type': 'MyLinearClsHead', 'num_classes': 3, 'in_channels': 16}
    model = {'type': 'CITEClassifier', 'precision': 'fp32', 'head': head}
    pretrained = build_classifier({**model, 'backbone': vit})
    torch.nn.init.normal_(pretrained.backbone.pos_embed)
    weights = str(tmp_path / 'vit.pth')
    torch.save(pretrained.backbone.state_dict(), weights)
    vit['init_cfg'] = {'type': 'Pretrained', 'checkpoint': weights}
    model['backbone'] = vit
    trained = build_classifier(model)
    trained.init_weights()
    torch.nn.init.normal_(trained.head.fc.weight)
    save_checkpoint(trained, str(tmp_path / 'run.pth'), meta={'iter': 7})
    return write(tmp_path, model), scores(trained, images)


def test_mmcls_without_cite_predicts_the_same(images, tmp_path):
    config, expected = run_of_mmcls_vit(tmp_path, images)
    trimmed = load_weights(tmp_path / 'run.pth')['state_dict']
    assert not any(name.startswith('backbone.layers') for name in trimmed)
    out = export_checkpoint(config, tmp_path / 'run.pth', tmp_path / 'full.pth')
    printed = run(sys.executable, '-c', PLAIN_MMCLS, out, tmp_path / 'images.pt')
    found = json.loads(printed.strip().splitlines()[-1])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert load_weights(out)['meta']['iter'] == 7


def cite_run(tmp_path, tiny_bert):
    tiny_clip(tmp_path / 'clip.pt', embed_dim=32, width=64, layers=1, image_size=32)
    backbone = {
        'type': 'PromptedCLIPImageBackbone',
        'arch': str(tmp_path / 'clip.pt'),
        'prompt_init': 'token',
    }
    head = {
        'type': 'TextEmbeddingHead',
        'texts': ['well', 'moderately', 'poorly'],
        'text_encoder': {'type': 'BERT', 'model': str(tiny_bert)},
    }
    neck = {'type': 'ProjectionNeck', 'in_features': 32, 'out_features': 32}
    return {
        'type': 'CITEClassifier',
        'precision': 'fp32',
        'backbone': backbone,
        'neck': neck,
        'head': head,
    }


@pytest.mark.parametrize('name', ['full.pth', 'full.safetensors'])
def test_a_cite_export_needs_neither_clip_nor_language_model(
    images, tmp_path, tiny_bert, text_cache, name
):
    model = cite_run(tmp_path, tiny_bert)
    trained = build_classifier(model).train()
    trained(images, gt_label=torch.tensor([0, 1, 2, 0]))['loss'].backward()
    save_checkpoint(trained, str(tmp_path / 'run.pth'))
    config = write(tmp_path, model)
    command = [sys.executable, ROOT / 'tools/export_checkpoint.py', config]
    run(*command, tmp_path / 'run.pth', tmp_path / name)
    expected = scores(trained, images)
    # Another CLIP is where the config looks: all weights come from the export.
    tiny_clip(tmp_path / 'clip.pt', 1, 32, 64, 1, image_size=32)
    other = build_classifier(model)
    load_checkpoint(other, str(tmp_path / name), map_location='cpu', strict=True)
    np.testing.assert_array_equal(scores(other, images), expected)


def test_a_plain_export_has_the_names_of_the_release(
    images, tmp_path, tiny_bert, text_cache
):
    model = cite_run(tmp_path, tiny_bert)
    trained = build_classifier(model).train()
    trained(images, gt_label=torch.tensor([0, 1, 2, 0]))
    save_checkpoint(trained, str(tmp_path / 'run.pth'))
    out = export_checkpoint(
        write(tmp_path, model), tmp_path / 'run.pth', tmp_path / 'a.pth', plain=True
    )
    own = set(trained.backbone.model.state_dict())
    assert set(load_weights(out)['state_dict']) == {
        'backbone.prompt',
        *(f'backbone.model.{name}' for name in own),
        'neck.weight',
        'neck.bias',
    }


def test_mistakes_are_said(tmp_path):
    config = tmp_path / 'config.py'
    with pytest.raises(FileNotFoundError, match=r'config\.py: no such config file'):
        export_checkpoint(config, 'none', tmp_path / 'a.pth')
    config.write_text('')
    with pytest.raises(ValueError, match='ends in one of'):
        export_checkpoint(config, 'none', tmp_path / 'a.bin')
