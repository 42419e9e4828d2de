"""Predictor gives the numbers of mim test, for any batch, worker and way in."""

import json

import numpy as np
import pytest
import tiny_training
from commands import tool
from mmcv import Config
from PIL import Image

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
