"""Predictor gives the numbers of mim test, for any batch, worker and way in."""

import json

import numpy as np
import pytest
import tiny_training
import torch
from commands import tool
from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from mmcv import Config
from mmcv.runner import load_checkpoint
from PIL import Image
from scipy.special import softmax
from sklearn.metrics.pairwise import cosine_similarity

from cite.apis import Predictor
from cite.datasets.tables.annotations import read_annotations


@pytest.fixture(scope='module')
def tested(data, run):
    """Return the test set's files and the scores of mim test, (N, K)."""
    out = run / 'results.json'
    tool(
        *('test', run / 'config.py', '--checkpoint', run / 'latest.pth'),
        *('--out', out, '--out-items', 'class_scores', '--metrics', 'accuracy'),
        PYTHONPATH=tiny_training.PYTHONPATH,
        OMP_NUM_THREADS='1',
    )
    test = Config.fromfile(str(run / 'config.py')).data.test
    names = [a.filename for a in read_annotations(test.ann_file, 3)]
    scores = np.array(json.loads(out.read_text())['class_scores'], np.float32)
    return [test.data_prefix + name for name in names], scores


@pytest.fixture(scope='module')
def predictor(exported):
    return Predictor(exported)


@pytest.mark.parametrize(('batch', 'workers'), [(1, 0), (5, 1), (64, 3), (7, 0)])
def test_the_bits_of_mim_test(predictor, tested, batch, workers):
    files, scores = tested
    found = predictor.predict_patches(files, batch, workers)
    np.testing.assert_array_equal(found, scores)


def test_arrays_images_and_lossless_copies_give_the_bits_of_the_file(
    predictor, tested, tmp_path
):
    files, scores = tested
    images = [Image.open(file).convert('RGB') for file in files[:4]]
    for i, image in enumerate(images):
        image.save(tmp_path / f'{i}.png')
    copies = [tmp_path / f'{i}.png' for i in range(4)]
    for sources in (images, [np.array(image) for image in images], copies):
        found = predictor.predict_patches(sources)
        np.testing.assert_array_equal(found, scores[:4])


def test_stored_features_are_scored_to_the_same_bits(predictor, tested):
    files, scores = tested
    features = predictor.embed_images(files)
    assert features.shape == (len(files), 16)
    np.testing.assert_array_equal(predictor.score(features), scores)
    assert predictor.score(features[:0]).shape == (0, 3)


def test_cosines_of_images_and_texts_give_the_models_logits(predictor, run, tested):
    cfg = Config.fromfile(str(run / 'config.py'))
    network = build_classifier(cfg.model)
    load_checkpoint(network, str(run / 'latest.pth'), map_location='cpu', strict=True)
    dataset = build_dataset(cfg.data.test, {'test_mode': True})
    items = [dataset[i] for i in range(len(dataset))]
    batch = torch.stack([item['img'] for item in items])
    metas = [item['img_metas'].data for item in items]
    raw = {'softmax': False, 'post_process': False}
    with torch.no_grad():
        logits = network.eval()(batch, img_metas=metas, return_loss=False, **raw)

    files, scores = tested
    images = predictor.project(predictor.embed_images(files))
    texts = predictor.embed_texts(predictor.texts)
    assert images.shape == (len(files), texts.shape[1])
    cosines = cosine_similarity(images, texts)
    np.testing.assert_allclose(predictor.scale * cosines, logits, atol=1e-5)
    np.testing.assert_allclose(softmax(predictor.scale * cosines, 1), scores, atol=1e-6)
    assert predictor.project(np.zeros((0, 16), np.float32)).shape[0] == 0
    with pytest.raises(ValueError, match=r'features are \(16,\)'):
        predictor.project(np.zeros(16))


def test_other_words(exported, tested):
    files, scores = tested
    turned = tiny_training.TEXTS[::-1]
    other = Predictor(exported, texts=turned)
    found = other.score(other.embed_images(files))
    np.testing.assert_allclose(found, scores[:, ::-1], atol=1e-6)
    two = Predictor(exported).embed_texts(['poorly', 'well'])
    assert two.shape == (2, 24)
    with pytest.raises(ValueError, match='1 text for 3 classes'):
        Predictor(exported, texts=['well'])


def test_what_is_not_an_image_is_said(predictor, tmp_path):
    with pytest.raises(TypeError, match=r'float64 \(3, 3, 3\).*uint8'):
        predictor.predict_patches([np.zeros((3, 3, 3))])
    with pytest.raises(FileNotFoundError, match=r'none\.png'):
        predictor.predict_patches([tmp_path / 'none.png'])
    pixels = np.zeros((40, 40, 3), np.uint8)
    for one in ('a.png', tmp_path / 'a.png', Image.fromarray(pixels), pixels):
        with pytest.raises(TypeError, match=r'is one .*: give a list, \[image\]'):
            predictor.predict_patches(one)


@pytest.mark.parametrize('device', ['gpu', 'cuda:99'])
def test_a_device_that_is_not_there_is_said(device, exported):
    with pytest.raises(ValueError, match=f"device '{device}' cannot be used: .* cpu"):
        Predictor(exported, device)


def test_images_may_come_one_after_another(predictor):
    pixels = [np.full((40, 40, 3), shade, np.uint8) for shade in (90, 200)]
    expected = predictor.predict_patches(pixels)
    for images in (iter(pixels), np.stack(pixels)):
        assert np.array_equal(predictor.predict_patches(images), expected)
