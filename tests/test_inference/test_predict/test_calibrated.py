"""A calibrated model's answers: probabilities and sets worked out by hand."""

import csv
import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from cite.core.evaluation.conformal import Calibration
from cite.inference.predict.answer_slide import Options
from cite.inference.predict.jobs import find_jobs
from cite.inference.predict.outputs.tile_table import read_tile_csv
from cite.inference.predict.predict_slide import conformal_set, slide_probabilities
from cite.inference.predict.run import predict_slides
from cite.inference.predictor import Predictor


class Calibrated:
    """What :func:`slide_probabilities` asks of a predictor."""

    classes = ('a', 'b', 'c')
    texts = None

    def __init__(self, quantile, temperature=2.0):
        self.model = self
        self.calibration = Calibration(temperature, 0.1, quantile, 20, 20)


# Two tiles, whose mean is 0.64, 0.32, 0.04. With the temperature 2 the roots count:
# 0.8, 0.565685, 0.2, which sum to 1.565685.
TILES = np.array([[0.70, 0.28, 0.02], [0.58, 0.36, 0.06]])
SOFTENED = [0.510958, 0.361302, 0.127740]


def test_a_slide_s_probabilities_by_hand():
    got = slide_probabilities(Calibrated(0.5), TILES)
    np.testing.assert_allclose(got, SOFTENED, atol=1e-6)


@pytest.mark.parametrize(
    ('quantile', 'expected'),
    [
        (0.4, []),  # 1 - 0.51 is larger
        (0.49, ['a']),
        (0.639, ['a', 'b']),  # 1 - 0.3613 = 0.6387
        (0.638, ['a']),
        (0.873, ['a', 'b', 'c']),
        (None, ['a', 'b', 'c']),  # too few slides for this coverage
    ],
)
def test_a_slide_s_set_by_hand(quantile, expected):
    assert conformal_set(Calibrated(quantile), TILES) == expected


@pytest.fixture
def patches(tmp_path):
    folder = tmp_path / 'patches'
    folder.mkdir()
    for i in range(3):
        image = Image.fromarray(np.full((64, 64, 3), 70 * i, np.uint8))
        image.save(folder / f's_{64 * i}_0.png')
    return folder


def answers(model, patches, out):
    options = Options(viewer=False)
    failures = predict_slides(
        Predictor(model, 'cpu'), find_jobs([patches]), out, options, say=str
    )
    assert failures == {}
    with open(out / 'slides.csv', newline='', encoding='utf-8') as file:
        (row,) = csv.DictReader(file)
    return row, json.loads((out / 'manifest' / 's.json').read_text())


def test_they_are_in_every_output(passed, predictor, patches, tmp_path):
    before, _ = answers(passed.model, patches, tmp_path / 'raw')
    assert before['set'] == ''
    assert 'not calibrated' in before['flags']
    columns = [f'prob_{name}' for name in predictor.classes]
    raw = np.array([float(before[name]) for name in columns])
    roots = np.sqrt(raw) / np.sqrt(raw).sum()
    likeliest = np.argsort(-roots)
    quantile = 1 - roots[likeliest[1]] + 1e-9  # two of the three classes

    model = tmp_path / 'model'
    shutil.copytree(passed.model, model)
    config = json.loads((model / 'config.json').read_text())
    config['calibration'] = asdict(Calibration(2.0, 0.1, quantile, 20, 20))
    (model / 'config.json').write_text(json.dumps(config))
    row, manifest = answers(model, patches, tmp_path / 'out')
    np.testing.assert_allclose([float(row[name]) for name in columns], roots, rtol=1e-9)
    two = [predictor.classes[k] for k in sorted(likeliest[:2])]
    assert row['set'] == '; '.join(two)
    assert manifest['answer']['set'] == two
    assert manifest['model']['calibrated'] is True
    assert 'not calibrated' not in row['flags']
    page = (tmp_path / 'out' / 'report.html').read_text(encoding='utf-8')
    assert two[1] in page
    # Tiles are as `mim test` has them: a temperature of slides says nothing of them.
    tables = [
        read_tile_csv(tmp_path / name / 'tiles' / 's.csv', predictor.classes)
        for name in ('raw', 'out')
    ]
    assert tables[0].probabilities.tobytes() == tables[1].probabilities.tobytes()
