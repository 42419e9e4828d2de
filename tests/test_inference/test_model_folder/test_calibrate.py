"""cite calibrate writes what held-out slides say, with the number they rest on."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from cite.inference.calibrate import calibrate
from cite.inference.model_folder.read import read_model


@pytest.fixture
def folder(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / 'model')


@pytest.fixture
def slides(folder, tmp_path):
    """Write slides.csv of 40 slides and a table of their grades and patients."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 40)
    logits = rng.normal(size=(40, 3)) * 2
    logits[np.arange(40), labels] += 2
    scores = np.exp(2 * logits)
    scores /= scores.sum(1, keepdims=True)
    classes = read_model(folder).classes
    names = [f'held{i}' for i in range(40)]
    frame = pd.DataFrame({'file': names, 'id': names, 'predicted': 'x'})
    for k, name in enumerate(classes):
        frame[f'prob_{name}'] = scores[:, k]
    frame['flags'] = 'uncalibrated, and a comma'
    frame.to_csv(tmp_path / 'slides.csv', index=False)
    table = pd.DataFrame({'slide_id': names, 'Class': [classes[k] for k in labels]})
    table.to_csv(tmp_path / 'table.csv', index=False)
    table['patient'] = [f'p{i // 2}' for i in range(40)]
    table.to_csv(tmp_path / 'patients.csv', index=False)
    return tmp_path, scores, labels


def nll_minimum(scores, labels):
    def nll(x):
        p = scores ** (1 / x[0])
        p = p / p.sum(1, keepdims=True)
        return -np.log(p[np.arange(len(p)), labels]).mean()

    return minimize(nll, [1.5], method='Nelder-Mead', tol=1e-10).x[0]


def test_by_slide(folder, slides):
    place, scores, labels = slides
    before = {f.name: f.read_bytes() for f in folder.iterdir()}
    found = calibrate(folder, place / 'slides.csv', table=place / 'table.csv')
    assert found.temperature == pytest.approx(nll_minimum(scores, labels), rel=1e-4)
    assert (found.n, found.slides, found.unit) == (40, 40, 'slide')
    p = scores ** (1 / found.temperature)
    p /= p.sum(1, keepdims=True)
    # (40 + 1) * 0.9 = 36.9: the 37th smallest.
    expected = np.sort(1 - p[np.arange(40), labels])[36]
    assert found.quantile == pytest.approx(expected, abs=1e-9)
    assert read_model(folder).calibration == found
    sets = found.sets(scores)
    assert sets[np.arange(40), labels].sum() == 37
    np.testing.assert_allclose(found.probabilities(scores), p, atol=1e-9)
    after = {f.name: f.read_bytes() for f in folder.iterdir()}
    assert before['model.safetensors'] == after['model.safetensors']
    assert {*before} == {*after}
    card = after['README.md'].decode()
    assert '40 slides held out' in card
    assert 'Not calibrated' not in card


def test_by_patient(folder, slides):
    place, scores, labels = slides
    found = calibrate(folder, place / 'slides.csv', table=place / 'patients.csv')
    assert (found.n, found.slides, found.unit) == (20, 40, 'patient')
    p = scores ** (1 / found.temperature)
    p /= p.sum(1, keepdims=True)
    worst = (1 - p[np.arange(40), labels]).reshape(20, 2).max(1)
    assert found.quantile == pytest.approx(np.sort(worst)[18], abs=1e-9)  # 18.9


def test_too_few_slides(folder, slides):
    place, scores, _ = slides
    pd.read_csv(place / 'slides.csv').head(8).to_csv(place / 'few.csv', index=False)
    found = calibrate(folder, place / 'few.csv', table=place / 'table.csv')
    assert found.quantile is None  # 8 < 1 / 0.1 - 1
    assert found.sets(scores).all()
    assert 'too few' in (folder / 'README.md').read_text()


def test_results_of_mim_test(folder, tmp_path):
    rng = np.random.default_rng(1)
    scores = rng.dirichlet(np.ones(3), 24)
    labels = np.repeat([0, 1, 2, 0, 1, 2], 4)
    lines = [f'new{i // 4}_{i % 4}.jpg {labels[i]}\n' for i in range(24)]
    (tmp_path / 'ann.txt').write_text(''.join(lines))
    (tmp_path / 'results.json').write_text(
        json.dumps({'class_scores': scores.tolist()})
    )
    found = calibrate(folder, tmp_path / 'results.json', ann_file=tmp_path / 'ann.txt')
    means = scores.reshape(6, 4, 3).mean(1)
    best = nll_minimum(means, labels[::4])
    assert found.temperature == pytest.approx(min(best, 20), rel=1e-3)
    assert (found.n, found.quantile) == (6, None)
    with pytest.raises(ValueError, match='--ann-file'):
        calibrate(folder, tmp_path / 'results.json')


def test_what_cannot_be(folder, slides, data):
    place, _, _ = slides
    csv, table = place / 'slides.csv', place / 'table.csv'
    frame, grades = pd.read_csv(csv), pd.read_csv(table)
    first = (data / 'gastric_cls3_ann/train_all_0.5.txt').read_text().partition('_')[0]

    def attempt(change, match, of_table=False, **kwargs):
        changed = (grades if of_table else frame).copy()
        changed = change(changed)
        changed.to_csv(place / 'changed.csv', index=False)
        files = (
            (csv, place / 'changed.csv') if of_table else (place / 'changed.csv', table)
        )
        with pytest.raises(ValueError, match=match):
            calibrate(folder, files[0], table=files[1], **kwargs)

    column = frame.columns[3]
    attempt(lambda f: f.drop(columns=column), 'lacks the columns prob_')
    attempt(lambda f: f.assign(**{column: 'x'}), 'is not a number')
    attempt(lambda f: f.assign(**{column: 2}), r'slide held0 are.*sum to 1')
    attempt(lambda f: f.assign(**{column: np.nan}), 'not a number')
    attempt(lambda f: f.assign(id='same'), 'twice')
    attempt(lambda f: f.head(0), 'no slide')
    attempt(lambda f: f.drop(columns='id'), 'needs one of id')
    attempt(lambda f: f.assign(id=[first, *f['id'][1:]]), 'was trained on 1 slide')
    attempt(lambda t: t.head(5), 'no slide held5', of_table=True)
    attempt(lambda t: t.assign(Class='z'), "has the class 'z'", of_table=True)
    attempt(lambda t: t, 'between 0 and 1', alpha=0.0)
    with pytest.raises(ValueError, match='--table'):
        calibrate(folder, csv)
    assert read_model(folder).calibration is None
    calibrate(folder, csv, table=table)
    attempt(lambda f: f, '--uncalibrated')
    calibrate(folder, csv, table=table, uncalibrated=True)
