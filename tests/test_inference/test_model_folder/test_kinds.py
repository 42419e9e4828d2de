"""Every kind of model that the package trains can be passed on."""

import json

import numpy as np
import pytest
import timm
import torch
from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from mmcv import Config
from mmcv.runner import load_checkpoint
from passed_model import make_run
from safetensors.torch import save_file
from torchvision.transforms.functional import to_pil_image

from cite.apis import Predictor
from cite.inference.model_folder.export import export_model
from cite.inference.model_folder.torchscript import export_torchscript

LINEAR = {'type': 'MyLinearClsHead', 'num_classes': 3}
VIT = {'embed_dims': 16, 'num_layers': 2, 'num_heads': 2, 'feedforward_channels': 32}
TINY_VIT = {'img_size': 32, 'patch_size': 8, 'embed_dim': 16, 'depth': 2}


def timm_file(folder):
    torch.manual_seed(1)
    model = timm.create_model('vit_tiny_patch16_224', num_heads=2, **TINY_VIT)
    file = folder / 'tiny.safetensors'
    state = {k: v for k, v in model.state_dict().items() if not k.startswith('head')}
    save_file(state, str(file))
    return str(file)


def mmcls_file(folder):
    torch.manual_seed(2)
    vit = {'type': 'VisionTransformerFrozen', 'arch': VIT, 'img_size': 32}
    head = {**LINEAR, 'in_channels': 16}
    model = build_classifier({'type': 'CITEClassifier', 'backbone': vit, 'head': head})
    torch.save(model.backbone.state_dict(), folder / 'vit.pth')
    return str(folder / 'vit.pth')


def backbones(kind, data, folder):
    clip = str(data / 'models/clip.pt')
    if kind == 'linear':
        return {'type': 'CLIPImageBackbone', 'arch': clip}
    if kind == 'finetuned':
        return {'type': 'CLIPImageBackbone', 'arch': clip, 'fix': False}
    if kind == 'finetuned, no projection':
        part = {'type': 'CLIPImageBackbone', 'arch': clip, 'fix': False}
        return {**part, 'proj': False}
    if kind == 'lora':
        lora = {'r': 2}
        return {
            'type': 'TIMMImageBackbone',
            'model_name': 'vit_tiny_patch16_224',
            'checkpoint': timm_file(folder),
            'lora': lora,
            'num_heads': 2,
            'image_stats': {'mean': [0.5] * 3, 'std': [0.5] * 3},
            **TINY_VIT,
        }
    if kind == 'random':  # has no source, so that the weights are in the folder
        return {'type': 'VisionTransformerFrozen', 'arch': VIT, 'img_size': 32}
    init = {'type': 'Pretrained', 'checkpoint': mmcls_file(folder)}
    part = {'type': 'PromptedVisionTransformer', 'arch': VIT, 'img_size': 32}
    return {**part, 'prompt_length': 2, 'init_cfg': init}


KINDS = {
    'linear': (True, 16),
    'finetuned': (False, 16),
    'finetuned, no projection': (False, 64),
    'lora': (True, 16),
    'random': (False, 16),
    'own vit': (True, 16),
}


@pytest.mark.parametrize('kind', KINDS)
def test_a_kind(kind, data, tmp_path):
    frozen_outside, width = KINDS[kind]
    model = {
        'type': 'CITEClassifier',
        'precision': 'fp32',
        'backbone': backbones(kind, data, tmp_path),
        'head': {**LINEAR, 'in_channels': width},
    }
    run = make_run(data, tmp_path / 'run', model)
    config, checkpoint = run / 'config.py', run / 'latest.pth'
    out = export_model(config, checkpoint, tmp_path / 'model', patches=8)
    if not frozen_outside:  # all is in the folder
        for file in data.glob('models/clip.pt'):
            file.rename(file.with_suffix('.away'))
    try:
        predictor = Predictor(out)
        written = export_torchscript(out)
    finally:
        for file in data.glob('models/clip.away'):
            file.rename(file.with_suffix('.pt'))
    weights = predictor.model.config['backbone_weights']
    assert weights['in_folder'] is not frozen_outside
    assert (weights['digest'] is not None) is frozen_outside
    cfg = Config.fromfile(str(config))
    network = build_classifier(cfg.model)
    load_checkpoint(network, str(checkpoint), map_location='cpu', strict=True)
    dataset = build_dataset(cfg.data.test, {'test_mode': True})
    items = [dataset[i] for i in range(4)]
    batch = torch.stack([item['img'] for item in items])
    metas = [item['img_metas'].data for item in items]
    with torch.no_grad():
        expected = np.stack(network.eval()(batch, img_metas=metas, return_loss=False))
    files = [info['img_info']['filename'] for info in dataset.data_infos[:4]]
    np.testing.assert_array_equal(predictor.predict_patches(files), expected)
    zoo = json.loads((written / 'config.json').read_text())
    norm = zoo['transform'][2]['arguments']
    mean, std = (torch.tensor(norm[key])[:, None, None] for key in ('mean', 'std'))
    script = torch.jit.load(str(written / 'torchscript_model.pt'))
    with torch.no_grad():
        scores = script((batch / 255 - mean) / std).softmax(1)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    with pytest.raises(ValueError, match='head without texts'):
        predictor.embed_texts(['a', 'b', 'c'])
    with pytest.raises(ValueError, match='head without texts'):
        predictor.project(predictor.embed_images(files))
    assert to_pil_image(batch[0]).size == (32, 32)


def test_a_model_of_features_says_what_is_missing(data, tmp_path):
    model = {
        'type': 'CITEClassifier',
        'precision': 'fp32',
        'backbone': {'type': 'FeatureBackbone', 'in_features': 5, 'digest': 'ab' * 32},
        'head': {**LINEAR, 'in_channels': 5},
    }
    network = build_classifier(model)
    (tmp_path / 'run').mkdir()
    torch.save({'state_dict': network.state_dict()}, tmp_path / 'run/latest.pth')
    cfg = Config.fromfile(str(make_run(data, tmp_path / 'other') / 'config.py'))
    cfg.model = Config(model)._cfg_dict
    cfg.dump(str(tmp_path / 'run/config.py'))
    out = export_model(
        tmp_path / 'run/config.py', tmp_path / 'run/latest.pth', tmp_path / 'model'
    )
    predictor = Predictor(out)
    features = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    with torch.no_grad():
        logits = network.head.fc(torch.from_numpy(features)).softmax(1)
    np.testing.assert_allclose(predictor.score(features), logits, atol=1e-6)
    with pytest.raises(ValueError, match=r'takes features.*config of the images'):
        predictor.predict_patches([np.zeros((9, 9, 3), np.uint8)])
    with pytest.raises(ValueError, match='no backbone to trace'):
        export_torchscript(out)
    assert 'Not in this folder, and not named' in (out / 'README.md').read_text()


def test_the_test_sets_patches_are_not_needed(data, tmp_path):
    run = make_run(data, tmp_path / 'run')
    config, checkpoint = run / 'config.py', run / 'latest.pth'
    (tmp_path / 'whole').mkdir()
    (tmp_path / 'whole/model.safetensors.0123abcd.partial').write_bytes(b'x')
    whole = export_model(config, checkpoint, tmp_path / 'whole')
    assert not [*whole.glob('*.partial')]  # of a run that was killed
    gone = str(tmp_path / 'gone.txt')
    options = {'data.test.ann_file': gone, 'data.test.data_prefix': str(tmp_path)}
    without = export_model(config, checkpoint, tmp_path / 'without', options)
    for name in ('config.json', 'model.safetensors', 'README.md'):
        assert (without / name).read_bytes() == (whole / name).read_bytes()
    (tmp_path / 'results.json').write_text('{}')
    with pytest.raises(FileNotFoundError, match=r'gone\.txt'):
        export_model(
            config,
            checkpoint,
            tmp_path / 'scored',
            options,
            results=tmp_path / 'results.json',
        )


def test_what_a_folder_cannot_describe(data, tmp_path):
    run = make_run(data, tmp_path / 'run')
    config, checkpoint = run / 'config.py', run / 'latest.pth'
    out = tmp_path / 'model'
    steps = [{'type': 'LoadImageFromFile'}]
    with pytest.raises(ValueError, match='begins with LoadImageFromFile'):
        export_model(config, checkpoint, out, {'data.test.pipeline': steps})
    prefix = {'data.train.data_prefix': str(tmp_path)}
    with pytest.raises(FileNotFoundError, match='training-patches 0'):
        export_model(config, checkpoint, out, prefix)
    gone = {'data.train.ann_file': str(tmp_path / 'gone.txt')}
    with pytest.raises(FileNotFoundError, match='names its training slides'):
        export_model(config, checkpoint, out, gone, patches=0)
    assert not out.exists()
    options = {'data.test.patch_pixels': 150, 'data.test.mpp': 1}
    model = Predictor(export_model(config, checkpoint, out, options, 0)).model
    assert (model.patch_pixels, model.mpp) == (150, 1.0)
    assert model.training_features is None
