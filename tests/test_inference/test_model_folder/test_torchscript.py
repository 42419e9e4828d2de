"""The traced classifier gives the package's scores, in WSInfer's format."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from cite.apis import Predictor
from cite.inference.model_folder.torchscript import export_torchscript


@pytest.fixture(scope='module')
def written(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp('script') / 'model'
    return export_torchscript(shutil.copytree(exported, folder))


def check_zoo_config(content):
    """Check a config.json by the schema of wsinfer-zoo, version 1.0."""
    required = {
        'spec_version': str,
        'architecture': str,
        'num_classes': int,
        'patch_size_pixels': int,
        'spacing_um_px': (int, float),
        'class_names': list,
        'transform': list,
    }
    assert {*content} == {*required}  # additionalProperties: false
    for key, kind in required.items():
        assert isinstance(content[key], kind)
        assert not isinstance(content[key], bool)
    assert content['spec_version'] == '1.0'
    assert content['num_classes'] >= 1
    assert content['patch_size_pixels'] >= 1
    assert content['spacing_um_px'] > 0
    assert len(content['class_names']) == content['num_classes']
    assert len(set(content['class_names'])) == content['num_classes']
    assert all(isinstance(name, str) for name in content['class_names'])
    for step in content['transform']:
        assert {*step} <= {'name', 'arguments'}
        assert isinstance(step['name'], str)
        assert isinstance(step.get('arguments', {}), dict)
    assert [step['name'] for step in content['transform']] == [
        'Resize',
        'ToTensor',
        'Normalize',
    ]


def test_the_config_of_the_zoo(written, exported):
    content = json.loads((written / 'config.json').read_text())
    check_zoo_config(content)
    assert content['class_names'] == Predictor(exported).classes
    assert (content['patch_size_pixels'], content['spacing_um_px']) == (300, 0.5)


def test_the_scores_of_the_package(written, exported):
    """As WSInfer does it: its transform, then softmax over the model's output."""
    content = json.loads((written / 'config.json').read_text())
    steps = [
        getattr(transforms, step['name'])(**step.get('arguments', {}))
        for step in content['transform']
    ]
    rng = np.random.default_rng(0)
    # Already of the model's size, since WSInfer's filter is bilinear.
    images = [
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)) for _ in '5555'
    ]
    batch = torch.stack([transforms.Compose(steps)(image) for image in images])
    model = torch.jit.load(str(written / 'torchscript_model.pt'))
    with torch.no_grad():
        found = model(batch).softmax(1).numpy()
        alone = model(batch[:1]).softmax(1).numpy()
    expected = Predictor(exported).predict_patches(images)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(alone, expected[:1], atol=1e-5)
