"""A stranger's model folder: nothing runs, and what is wrong is said with its place."""

import json
import shutil
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cite.apis import Predictor
from cite.inference.model_folder.read import file_digest, read_model

DELETE = object()


@pytest.fixture
def folder(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / 'stranger')


def change(folder, place, value):
    """Set or delete an entry of config.json, named by its keys with dots."""
    file = folder / 'config.json'
    content = json.loads(file.read_text())
    *path, last = place.split('.')
    node = content
    for key in path:
        node = node[key]
    if value is DELETE:
        del node[last]
    else:
        node[last] = value
    file.write_text(json.dumps(content))
    return folder


def rewrite(folder, change_tensors):
    """Change the weights of a folder, and what config.json states about the file."""
    file = folder / 'model.safetensors'
    tensors = load_file(str(file))
    change_tensors(tensors)
    save_file(tensors, str(file))
    state_digest(folder)
    return folder


def state_digest(folder):
    file = folder / 'model.safetensors'
    change(folder, 'weights.sha256', file_digest(file))
    change(folder, 'weights.bytes', file.stat().st_size)


def test_what_a_reader_finds(exported, data):
    model = read_model(exported)
    assert len(model.classes) == 3
    assert (model.patch_pixels, model.mpp) == (300, 0.5)
    assert model.texts[0] == 'well differentiated'
    assert model.image_stats.size == 32
    assert model.calibration is None
    lines = (data / 'gastric_cls3_ann/train_all_0.5.txt').read_text().splitlines()
    slides = {line.partition('_')[0] for line in lines}
    assert all(model.knows(slide) for slide in slides)
    assert len(model.training_slides) == len(slides)
    assert not model.knows('another')
    assert not any(slide in (exported / 'config.json').read_text() for slide in slides)
    # The frozen CLIP is not in the folder.
    assert not any(name.startswith('backbone.model') for name in model.tensors)
    assert (exported / 'model.safetensors').stat().st_size < 50_000


def test_a_calibrated_folder_has_another_digest(exported, folder):
    assert read_model(folder).digest == read_model(exported).digest
    values = {'temperature': 2.0, 'alpha': 0.1, 'quantile': 0.5, 'n': 9, 'slides': 9}
    change(folder, 'calibration', {**values, 'unit': 'slide'})
    model = read_model(folder)
    assert model.digest != read_model(exported).digest
    assert model.calibration.temperature == 2


BAD = [
    ('format', 'other', 'does not describe a model of cite'),
    ('version', 2, 'has version 2'),
    ('version', DELETE, 'has version None'),
    ('classes', DELETE, r'lacks classes'),
    ('clases', [], r'unknown key clases \(is it classes\?\)'),
    ('classes', 'a', r'classes is .a.; it must be list'),
    ('classes', [], 'it must be a list of names'),
    ('classes', ['a', 'a', 'b'], r'classes\[1\]'),
    ('classes', ['a', 'b\n', 'c'], r'classes\[1\]'),
    ('classes', ['a', 'b' * 20_000, 'c'], r'classes\[1\]'),
    ('classes', ['a', 'b'], '2 texts, one for each class'),
    ('texts', ['a', 'a', 'b'], 'repeats'),
    ('texts', [1, 2, 3], 'give a text'),
    ('patch_pixels', True, 'patch_pixels is True'),
    ('patch_pixels', 0, '1 to 4096'),
    ('patch_pixels', 300.5, 'must be int'),
    ('mpp', 0, 'microns per pixel'),
    ('mpp', 'x', 'mpp is'),
    ('image.size', 10**9, '1 to 4096 pixels'),
    ('image.step', 'os.system', 'image.step'),
    ('image.mean', [0, 1], 'three numbers'),
    ('image.mean', [0, '1', 1], 'three numbers'),
    ('image.more', 1, r'unknown key image\.more'),
    ('weights.sha256', 'f' * 64, 'is not the file'),
    ('weights.bytes', 1, 'is not the file'),
    ('training.slides', ['a'], r'training\.slides\[0\]'),
    ('training.slides', [['a']], r'training\.slides\[0\]'),
    ('backbone_weights.digest', 'zz', 'SHA-256'),
    ('model.type', 'BaseClassifier', r'model\.type'),
    ('model.backbone.type', 'BERT', r'model\.backbone\.type is .BERT.'),
    ('model.backbone.type', 'os.system', r'model\.backbone\.type'),
    ('model.backbone.type', ['x'], r'model\.backbone\.type'),
    ('model.backbone.type', DELETE, r'model\.backbone\.type is None'),
    ('model.neck.type', 'CITEClassifier', r'model\.neck\.type'),
    ('model.neck.out_features', 10**9, 'a number up to 65536'),
    ('model.neck', 'x', r'model\.neck is'),
    ('model.head.text_encoder.trust_remote_code', True, 'runs no code'),
    ('model.head.text_encoder.type', 'PatchGastricCls3', 'text encoder'),
    ('model.backbone.arch', 'http://stranger/clip.pt', 'a path, or start with'),
    ('model.backbone.arch', 'file:///etc/passwd', 'a path, or start with'),
    ('calibration', {}, r'lacks calibration\.temperature'),
    ('calibration', 3, 'calibration is 3'),
]


@pytest.mark.parametrize(('place', 'value', 'match'), BAD)
def test_a_wrong_entry_of_the_config(folder, place, value, match):
    change(folder, place, value)
    with pytest.raises(ValueError, match=match) as caught:
        read_model(folder)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize(
    ('key', 'value'),
    [('temperature', 0), ('alpha', 1), ('quantile', 2), ('n', 0), ('unit', 'patch')],
)
def test_a_wrong_calibration(folder, key, value):
    right = {'temperature': 1.0, 'alpha': 0.1, 'quantile': None, 'n': 3, 'slides': 4}
    change(folder, 'calibration', {**right, 'unit': 'patient', key: value})
    with pytest.raises(ValueError, match=rf'calibration\.{key}'):
        read_model(folder)


@pytest.mark.parametrize(
    ('text', 'match'),
    [
        ('', 'not JSON'),
        ('[]', 'a list instead of an object'),
        ('{"a": ' * 30 + '1' + '}' * 30, 'nested too deeply'),
        ('[' * 200_000, 'nested too deeply'),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ('{"a": NaN}', 'NaN is not a number'),
        ('{"a": 1e999}', 'not a number of JSON'),
        ('{"a": ' + '9' * 5000 + '}', r'not JSON|does not describe'),
        ('\x00', 'not JSON'),
    ],
)
def test_a_config_that_is_no_config(folder, text, match):
    (folder / 'config.json').write_text(text)
    with pytest.raises(ValueError, match=match):
        read_model(folder)


def test_a_config_of_gigabytes_is_not_read(folder):
    with (folder / 'config.json').open('r+b') as file:
        file.truncate(5 << 30)  # a hole: it takes no place on the disk
    with pytest.raises(ValueError, match='5,368,709,120 bytes'):
        read_model(folder)


def test_a_config_that_is_not_utf8(folder):
    (folder / 'config.json').write_bytes(b'{\n"a": "\xff"}')
    with pytest.raises(ValueError, match=r'config\.json is not text: line 2 is not'):
        read_model(folder)


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'\xff' * 8,
        struct.pack('<Q', 1 << 60) + b'{}',
        struct.pack('<Q', 2) + b'{}' + b'x' * 9,
        struct.pack('<Q', 68)
        + b'{"a": {"dtype": "F32", "shape": [9999999999], "data_offsets": [0, 4]}}'[
            :68
        ],
        b'\x80\x04cos\nsystem\n(S"touch x"\ntR.',
    ],
    ids=['empty', 'cut', 'huge header', 'excess', 'huge shape', 'pickle'],
)
def test_weights_that_are_none(folder, content):
    (folder / 'model.safetensors').write_bytes(content)
    state_digest(folder)
    with pytest.raises(ValueError, match=r'model\.safetensors is not a whole'):
        read_model(folder)


@pytest.mark.parametrize('name', ['config.json', 'model.safetensors'])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        read_model(folder)
    with pytest.raises(FileNotFoundError, match='no such model folder'):
        read_model(folder / 'none')


@pytest.mark.parametrize(
    ('edit', 'match'),
    [
        (lambda t: t.pop('neck.weight'), r'Missing key.*neck\.weight'),
        (lambda t: t.update(more=torch.ones(2)), 'Unexpected key.*more'),
        (lambda t: t.update({'neck.weight': torch.ones(3, 3)}), r'neck\.weight'),
        (lambda t: t.update({'neck.bias': torch.ones(24).half()}), 'other types'),
        (lambda t: t['neck.bias'].fill_(float('nan')), 'neck.bias is not finite'),
        (lambda t: t['frozen_digest'].add_(1), 'different digests'),
        (lambda t: t.update(frozen_digest=torch.ones(2, 2)), 'digests|other types'),
        (lambda t: t.pop('head.text_embeddings'), 'text_embeddings'),
        (lambda t: t.update({'head.text_embeddings': torch.ones(2, 24)}), '3 texts'),
        (lambda t: t.update({'head.text_embeddings': torch.ones(3)}), 'text embed'),
        (lambda t: t['head.text_source'].fill_(7), 'text_source is damaged'),
        (lambda t: t.pop('training_features.mean'), r'training_features\.\*'),
        (lambda t: t['training_features.rest'].zero_(), 'not above 0'),
        (lambda t: t['training_features.distances'].neg_(), 'do not ascend'),
        (lambda t: t.update({'training_features.mean': torch.ones(2)}), 'do not fit'),
    ],
)
def test_weights_that_do_not_fit(folder, edit, match):
    rewrite(folder, edit)
    with pytest.raises(ValueError, match=match) as caught:
        Predictor(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ('place', 'value'),
    [
        ('model.backbone.prompt_length', 'many'),
        ('model.backbone.prompt_layers', [[1]]),
        ('model.backbone.self', 1),
        ('model.neck.init', {'a': 1}),
        ('model.head.temperature', 'hot'),
        ('model.head.loss', {'type': 'Nothing'}),
        ('model.freeze', ['everything']),
        ('model.precision', 'fp8'),
    ],
)
def test_arguments_that_no_part_takes(folder, place, value):
    change(folder, place, value)
    with pytest.raises(ValueError, match='cannot be built'):
        Predictor(folder)


def test_the_frozen_weights_are_found_again_or_the_remedy_is_said(
    folder, data, tmp_path
):
    clip = data / 'models/clip.pt'
    change(folder, 'model.backbone.arch', str(tmp_path / 'gone/clip.pt'))
    with pytest.raises(FileNotFoundError, match=r'gone/clip\.pt.*weights='):
        Predictor(folder)
    image = np.full((32, 32, 3), 200, np.uint8)
    named = Predictor(folder, weights=clip).predict_patches([image])
    shutil.copy(clip, folder / 'clip.pt')
    beside = Predictor(folder).predict_patches([image])
    np.testing.assert_array_equal(named, beside)
    with pytest.raises(FileNotFoundError, match='no such file or folder'):
        Predictor(folder, weights=tmp_path / 'none')


def test_other_frozen_weights_are_refused(folder, tmp_path):
    from demo.models import tiny_clip

    other = tiny_clip(
        tmp_path / 'other.pt', 5, embed_dim=16, width=64, layers=2, image_size=32
    )
    with pytest.raises(ValueError, match=r'other\.pt holds other weights.*weights='):
        Predictor(folder, weights=other)
