"""Methods on features, against numbers worked out by hand or another way."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from tiny_compare import write_comparison

from cite.compare.methods import (
    METHODS,
    JobInputs,
    Workspace,
    abmil,
    nearest_mean,
    text_probe,
)
from cite.compare.methods.abmil import GatedAttention
from cite.compare.methods.features import Features, features
from cite.compare.methods.job import Method, job_config
from cite.compare.methods.shared_draws import shared_draws
from cite.compare.plan.plan import Job, job_inputs
from cite.compare.plan.read_config import read_comparison


@pytest.fixture(scope='module')
def job(compare_data, tmp_path_factory):
    """Return a function that gives a job's inputs and a folder of its own."""
    root = tmp_path_factory.mktemp('methods')
    comparison = read_comparison(write_comparison(compare_data, root))

    def make(method, shots='all', **settings):
        number = {None: 0, 'all': 0}.get(shots, 1)
        inputs = job_inputs(comparison, Job(method, shots, number, 0))
        inputs = replace(inputs, method=replace(inputs.method, **settings))
        folder = root / 'out' / 'jobs' / 'job'
        folder.mkdir(parents=True, exist_ok=True)
        return inputs, Workspace(folder)

    return make


def use_features(monkeypatch, module, train, test):
    """Let a method see these features."""
    parts = {'train': train, 'val': test}
    monkeypatch.setattr(module, 'features', lambda inputs, workspace, file: parts[file])


def of_rows(values, labels, bags):
    return Features(np.array(values, np.float32), np.array(labels), np.array(bags))


WORKSPACE = Workspace(Path(tempfile.mkdtemp()))


def two_classes(**settings):
    """Return a job's inputs for methods that get their features from the test."""
    method = Method('m', 'M', 'any', 'none.py', settings=settings)
    return JobInputs(Job('m', 'all', 0, 0), method, {}, ['0', '1'], '', {})


def module_of(function):
    import sys

    return sys.modules[function.__module__]


def test_nearest_mean_by_hand(monkeypatch):
    # Two slides, means (3, 0) and (1, 0): centre (2, 0), class means (1, 0), (-1, 0).
    train = of_rows([[2, 0], [4, 0], [1, 0]], [0, 0, 1], ['a', 'a', 'b'])
    # Minus the centre and of length one: (1, 0), (0, 1).
    test = of_rows([[5, 0], [2, 7]], [0, 1], ['c', 'd'])
    use_features(monkeypatch, module_of(nearest_mean), train, test)
    scores = nearest_mean(two_classes(), WORKSPACE).patches
    # The first patch of slide a is in the centre: it has no direction, and counts as 0.
    # So class 0's mean is (0.5, 0); squared distances (0.25, 4) and (1.25, 2).
    e = np.exp
    expected = [
        [e(-0.25) / (e(-0.25) + e(-4)), e(-4) / (e(-0.25) + e(-4))],
        [e(-1.25) / (e(-1.25) + e(-2)), e(-2) / (e(-1.25) + e(-2))],
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_every_slide_counts_alike_in_its_class_mean(monkeypatch):
    # Class 0 has slide a (a patch) and b (three); seen from the centre, a points up.
    rows = [[0, 2], [3, -1], [3, -1], [3, -1], [-3, -1]]
    train = of_rows(rows, [0, 0, 0, 0, 1], ['a', 'b', 'b', 'b', 'c'])
    test = of_rows([[0, 5], [9, -3]], [0, 0], ['x', 'y'])
    use_features(monkeypatch, module_of(nearest_mean), train, test)
    up, right = nearest_mean(two_classes(), WORKSPACE).patches[:, 0]
    # The class mean is half of each direction, equally far from both test patches.
    assert up == pytest.approx(1 / (1 + np.exp(-_gap([0, 1], rows))), rel=1e-5), right


def _gap(direction, rows):
    """Distance to class 1 minus distance to class 0, squared, in plain Python."""
    unit = [np.array(r) / np.hypot(*r) for r in (rows[0], rows[1], rows[4])]
    zero, one = (unit[0] + unit[1]) / 2, unit[2]
    d = np.array(direction)
    return ((d - one) ** 2).sum() - ((d - zero) ** 2).sum()


def test_gated_attention_is_equation_9_of_its_source():
    torch.manual_seed(0)
    model = GatedAttention(5, 3, hidden=4)
    bag = torch.randn(6, 5)
    logits, weights = model(bag)
    p = {k: v.detach().numpy().astype(np.float64) for k, v in model.named_parameters()}
    h = bag.numpy().astype(np.float64)
    a = []
    for k in range(6):
        tanh = np.tanh(p['tanh.weight'] @ h[k] + p['tanh.bias'])
        gate = 1 / (1 + np.exp(-(p['gate.weight'] @ h[k] + p['gate.bias'])))
        a.append(p['attention.weight'][0] @ (tanh * gate) + p['attention.bias'][0])
    a = np.exp(a) / np.exp(a).sum()
    z = sum(a[k] * h[k] for k in range(6))
    np.testing.assert_allclose(weights.detach(), a, rtol=1e-4)
    expected = p['classifier.weight'] @ z + p['classifier.bias']
    np.testing.assert_allclose(logits.detach(), expected, rtol=1e-4, atol=1e-5)


def test_abmil_finds_the_one_patch_that_tells(monkeypatch):
    """One patch in ten shows the class; the mean of a slide hardly does."""
    rng = np.random.default_rng(0)

    def slides(number, start):
        rows, labels, bags = [], [], []
        for s in range(number):
            label = s % 2
            patches = rng.normal(size=(10, 8))
            patches[0] = 0
            patches[0, :2] = [6, 6 * (1 - 2 * label)]
            rows.extend(patches)
            labels += [label] * 10
            bags += [f's{start + s:03}'] * 10
        return of_rows(rows, labels, bags)

    train, test = slides(40, 0), slides(40, 500)
    use_features(monkeypatch, module_of(abmil), train, test)
    inputs = two_classes(steps=600, lr=5e-3)
    scores = abmil(inputs, WORKSPACE)
    assert scores.patches is None
    assert (scores.slides.argmax(1) == test.slide_labels()).mean() > 0.9
    again = abmil(inputs, WORKSPACE)
    np.testing.assert_array_equal(again.slides, scores.slides)


def test_features_are_the_backbones_and_the_second_time_from_disk(job, monkeypatch):
    inputs, workspace = job('linear', shots=1)
    found = features(inputs, workspace, 'train')
    cfg = job_config(inputs)
    model = build_classifier(cfg.model)
    model.init_weights()
    data = build_dataset(
        {**cfg.data.test, 'ann_file': inputs.files['train']}, {'test_mode': True}
    )
    for step in data.pipeline.transforms:
        if hasattr(step, 'backend'):
            step.backend = 'pillow'  # float images, another way to the same pixels
    images = torch.stack([data[i]['img'] for i in range(len(data))])
    with torch.no_grad():
        expected = model.eval().backbone(images).numpy()
    assert len(found.values) == 9
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-4)
    assert {*found.bags} == {name.split('_')[0] for name in _names(inputs)}
    monkeypatch.setattr(module_of(shared_draws), '_compute', None)
    np.testing.assert_array_equal(
        features(inputs, workspace, 'train').values, found.values
    )


def test_augmented_features_of_another_seeding_are_computed_anew(job):
    inputs, workspace = job('linear', shots=1)
    cfg = job_config(inputs)
    rows = {}
    for seeding in ('v1', 'v2', None):
        if seeding is None:
            del cfg.data.train['seeding']
        else:
            cfg.data.train.seeding = seeding
        rows[seeding] = shared_draws(cfg, inputs, workspace, 'train', 1).read(1)

    assert (rows['v1'] != rows['v2']).any()
    np.testing.assert_array_equal(rows[None], rows['v2'])  # the default


def _names(inputs):
    lines = Path(inputs.files['train']).read_text().splitlines()
    return [line.rpartition(' ')[0] for line in lines]


def test_zero_shot_on_features_is_zero_shot_on_images(job):
    images = METHODS['trained'](*job('zero', None)).patches
    cached = METHODS['trained'](*job('zero', None, features=1)).patches
    np.testing.assert_allclose(cached, images, atol=1e-5)
    np.testing.assert_allclose(images.sum(1), 1, atol=1e-5)


def test_a_text_probe_without_steps_is_zero_shot(job):
    zero = METHODS['trained'](*job('zero', None)).patches
    probe = text_probe(*job('zero', 'all', settings={'steps': 0})).patches
    np.testing.assert_allclose(probe, zero, atol=1e-4)


def test_a_text_probe_without_a_shared_space_says_so(job):
    inputs, workspace = job('cite')
    prompted = Path(inputs.method.config)
    fixed = prompted.with_name('fixed.py')
    arch = "arch=model['backbone']['arch']"
    line = f"model['backbone'] = dict(type='CLIPImageBackbone', {arch})\n"
    fixed.write_text(prompted.read_text() + line)
    inputs.method.config = str(fixed)
    with pytest.raises(ValueError, match='16 wide, text embeddings 24'):
        text_probe(inputs, workspace)


def test_features_of_a_trained_backbone_are_refused(job):
    with pytest.raises(ValueError, match=r'trains its backbone \(prompt'):
        METHODS['trained'](*job('cite', features=2))


@pytest.mark.parametrize(
    'settings',
    [
        {'options': {'optimizer.lr': 0.0}},
        {'type': 'abmil', 'features': 0, 'settings': {'lr': 0.0, 'steps': 1}},
    ],
    ids=['trained', 'abmil'],
)
def test_the_seed_decides_where_training_starts(job, settings):
    """At a rate of 0 a method stays where it started."""

    def run(seed, draw=0):
        inputs, workspace = job('linear', **settings)
        inputs = replace(inputs, job=replace(inputs.job, seed=seed, draw=draw))
        scores = METHODS[inputs.method.type](inputs, workspace)
        return scores.slides if scores.patches is None else scores.patches

    first = run(1)
    np.testing.assert_array_equal(run(1, draw=2), first)
    assert np.abs(run(2) - first).max() > 1e-3


@pytest.mark.parametrize(
    'line',
    [
        "model['backbone']['proj'] = False",
        "model['precision'] = 'bf16'",
        "data['test']['pipeline'][0].update(mean=[0.9] * 3, std=[0.1] * 3)",
    ],
)
def test_features_of_another_config_are_not_taken(job, line):
    inputs, workspace = job('linear', shots=1)
    before = features(inputs, workspace, 'train').values
    path = Path(inputs.method.config)
    other = path.with_name('other.py')
    other.write_text(f'{path.read_text()}{line}\n')
    inputs.method.config = str(other)
    after = features(inputs, workspace, 'train').values
    assert after.shape != before.shape or (after != before).any()


def test_slides_are_sorted_by_id_for_any_order_of_their_files():
    # 's10_0.jpg' is listed before 's1_0.jpg'.
    features_ = of_rows([[1], [2], [3]], [0, 0, 1], ['s10', 's10', 's1'])
    assert [slide.tolist() for slide in features_.of_slides()] == [[[3]], [[1], [2]]]
    assert features_.slide_labels().tolist() == [1, 0]


def test_features_of_another_folder_are_not_taken(job, tmp_path):
    inputs, workspace = job('linear', shots=1)
    before = features(inputs, workspace, 'train').values
    images = sorted(Path(inputs.data_prefix).iterdir())
    for image in images:
        shutil.copy(images[0], tmp_path / image.name)
    inputs = replace(inputs, data_prefix=f'{tmp_path}/')
    after = features(inputs, workspace, 'train').values
    assert np.ptp(before, axis=0).max() > 1e-2
    np.testing.assert_allclose(after, after[:1].repeat(len(after), 0), atol=1e-4)
