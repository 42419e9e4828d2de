"""Controls in a job: the head that is trained, and what is recorded of it."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmcls.models import build_head
from tiny_compare import write_comparison

from cite.compare.methods import METHODS, Workspace
from cite.compare.methods.class_vectors import gram
from cite.compare.methods.controls import replace_texts
from cite.compare.methods.job import Job, job_config
from cite.compare.plan.plan import job_inputs
from cite.compare.plan.read_config import read_comparison
from cite.models.text_encoders import FixedVectors

MATRIX = [[1, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 1]]


@pytest.fixture(scope='module')
def comparison(compare_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp('controls')
    return read_comparison(write_comparison(compare_data, folder))


@pytest.fixture
def make(comparison, tmp_path):
    def job(name='cite', **changes):
        inputs = job_inputs(comparison, Job(name, 'all', 0, 0))
        folder = tmp_path / 'jobs' / 'job'
        folder.mkdir(parents=True, exist_ok=True)
        method = replace(inputs.method, **changes)
        return replace(inputs, method=method), Workspace(folder)

    return job


def vectors_of(cfg):
    return build_head(cfg.model.head).encode_texts().double().numpy()


def recorded(workspace):
    return json.loads((workspace.folder / 'training.json').read_text())


def test_a_method_keeps_its_own_texts(make):
    inputs, workspace = make()
    cfg = job_config(inputs)
    before = cfg.pretty_text
    replace_texts(cfg, inputs, workspace)
    assert cfg.pretty_text == before
    assert not (workspace.folder / 'training.json').exists()


@pytest.mark.parametrize('kind', ['rotated', 'permuted', 'random', 'matched'])
def test_the_head_gets_the_controls_vectors(make, kind):
    inputs, workspace = make(texts=kind)
    cfg = job_config(inputs)
    texts, factor = vectors_of(cfg), float(build_head(cfg.model.head).scale())
    replace_texts(cfg, inputs, workspace)
    head = build_head(cfg.model.head)
    vectors = head.encode_texts().double().numpy()
    facts = recorded(workspace)
    np.testing.assert_allclose(facts['texts']['cosines'], gram(texts), atol=1e-5)
    np.testing.assert_allclose(facts['vectors']['cosines'], gram(vectors), atol=1e-5)
    same = np.allclose(gram(vectors), gram(texts), atol=1e-4)
    assert same is (kind == 'rotated')
    assert vectors.shape == texts.shape
    if kind == 'matched':

        def spread(cosines):
            return np.sqrt(np.mean(2 - 2 * cosines[np.triu_indices(3, 1)]))

        ratio = spread(gram(texts)) / spread(gram(vectors))
        assert float(head.scale()) == pytest.approx(factor * ratio, rel=1e-5)
    else:
        assert float(head.scale()) == pytest.approx(factor)


def test_every_draw_and_seed_has_a_rotation_of_its_own(make):
    inputs, workspace = make(texts='rotated')
    vectors = []
    for changes in ({}, {'draw': 2}, {'seed': 1}, {'fold': 1}):
        one = replace(inputs, job=replace(inputs.job, **changes))
        cfg = job_config(one)
        replace_texts(cfg, one, workspace)
        vectors.append(vectors_of(cfg))
    pairs = [(a, b) for i, a in enumerate(vectors) for b in vectors[:i]]
    assert all(np.abs(a - b).max() > 0.01 for a, b in pairs)


def test_the_head_of_a_clip_model_takes_vectors_too(make):
    inputs, workspace = make('zero', texts='permuted', trained=True)
    cfg = job_config(inputs)
    before = build_head(cfg.model.head)
    texts = before.encode_texts().double().numpy()
    replace_texts(cfg, inputs, workspace)
    head = build_head(cfg.model.head)
    assert float(head.scale()) == pytest.approx(float(before.scale()), rel=1e-6)
    dealt = head.encode_texts().double().numpy()
    assert {*map(tuple, dealt.round(5))} == {*map(tuple, texts.round(5))}
    x = torch.tensor(texts).float()
    cosines = (
        dealt
        @ texts.T
        / np.outer(np.linalg.norm(dealt, axis=1), np.linalg.norm(texts, axis=1))
    )
    expected = float(before.scale()) * cosines.T
    np.testing.assert_allclose(head(x).detach().numpy(), expected, atol=2e-3)


def test_a_head_on_bags_keeps_what_it_is(make):
    inputs, workspace = make(texts='random')
    cfg = job_config(inputs)
    cfg.model.head.update(type='TextMILHead', in_features=5, prior=True, decay=0.3)
    head = build_head(cfg.model.head)
    replace_texts(cfg, inputs, workspace)
    control = build_head(cfg.model.head)
    shapes = [p.shape for p in head.pooling.parameters()]
    assert [p.shape for p in control.pooling.parameters()] == shapes
    assert control.decay == 0.3
    assert not torch.allclose(control.encode_texts(), head.encode_texts())


def test_a_head_without_texts_is_refused(make):
    with pytest.raises(ValueError, match='its head has no texts'):
        METHODS['trained'](*make('linear', texts='rotated'))


def test_similarity_trains_with_the_matrix_of_the_user(make):
    inputs, workspace = make(type='similarity', settings={'matrix': MATRIX})
    scores = METHODS['similarity'](inputs, workspace)
    assert scores.patches.shape == (18, 3)
    facts = recorded(workspace)
    np.testing.assert_allclose(facts['vectors']['cosines'], MATRIX, atol=1e-5)
    assert facts['vectors']['contrast'] == pytest.approx(math.sqrt((1 + 2 + 1) / 3))


def test_a_matrix_of_other_classes_is_refused(make):
    inputs, workspace = make(type='similarity', settings={'matrix': [[1]]})
    with pytest.raises(ValueError, match=r'matrix has 1 rows for 3 classes'):
        METHODS['similarity'](inputs, workspace)


def test_the_loss_of_a_training_is_recorded(make):
    """Two iterations: the last tenth is the second, the tenth before the first."""
    inputs, workspace = make()
    METHODS['trained'](inputs, workspace)
    losses = json.loads((workspace.folder / 'losses.json').read_text())
    facts = recorded(workspace)
    assert len(losses) == facts['steps'] == 2
    assert [facts['loss_before'], facts['loss']] == losses


def test_fixed_vectors_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match='all of one width'):
        FixedVectors([[1, 2], [3]])
    with pytest.raises(ValueError, match='2 vectors for 1 texts'):
        FixedVectors([[1, 2], [3, 4]])(['a'])
