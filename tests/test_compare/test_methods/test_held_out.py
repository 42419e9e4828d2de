"""Training slides are held out by patient, and rates chosen by them alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cite.compare.methods import Workspace
from cite.compare.methods.held_out import HeldOut, hold_out, slide_nll
from cite.compare.methods.job import Job, JobInputs, Method
from cite.compare.methods.on_training_slides import with_training_slides
from cite.compare.methods.rates import choose_rate, with_rate
from cite.compare.methods.scores import Scores, read_lines

# Slide: patient, class.
SLIDES = {'a': ('p', 0), 'b': ('p', 1), 'c': ('q', 0), 'd': ('r', 1), 'e': ('r', 1)}


def make(folder, slides=SLIDES, **changes):
    path = folder / 'train_all.txt'
    lines = (f'{s}_{i}.jpg {label}\n' for s, (_, label) in slides.items() for i in '01')
    path.write_text(''.join(lines))
    patients = {slide: patient for slide, (patient, _) in slides.items()}
    method = Method('m', 'M', 'abmil', 'none.py')
    files = {'train': str(path), 'val': 'of the test slides'}
    inputs = JobInputs(
        Job('m', 'all', 0, 0), method, {}, ['0', '1'], '', files, patients=patients
    )
    (folder / 'jobs' / 'm').mkdir(parents=True, exist_ok=True)
    return replace(inputs, **changes), Workspace(folder / 'jobs' / 'm')


class Recorder:
    """A method that says what it was given, and the same of every slide."""

    def __init__(self, sure=lambda lr: 0.5):
        self.calls, self.sure = [], sure

    def __call__(self, inputs, workspace):
        trained = {*read_lines(inputs.files['train'], 2).slides.tolist()}
        self.calls.append((trained, inputs.files['val'], inputs.method.settings))
        if inputs.files['val'] == 'of the test slides':
            return Scores(slides=np.array([[1.0, 0.0]]))
        lines = read_lines(inputs.files['val'], 2)
        p = self.sure(inputs.method.settings.get('lr'))
        right = np.where(np.arange(2) == lines.labels[:, None], p, 1 - p)
        return Scores(patches=right)


def test_each_patient_is_scored_by_a_model_without_it(tmp_path):
    inputs, workspace = make(tmp_path)
    method = Recorder()
    held = hold_out(inputs, workspace, method)
    assert sorted(''.join(sorted(t)) for t, _, _ in method.calls) == [
        'abc',
        'abde',
        'cde',
    ]
    of_slide = dict(zip(map(str, held.groups), held.labels))
    assert len(held.labels) == 5
    assert of_slide == {'p': 1, 'q': 0, 'r': 1}
    assert (held.scores == 0.5).all()


def test_slides_are_told_apart_by_the_comparisons_rule(tmp_path):
    """a1, a2, … are slides to the rule, all of one name up to the first "_"."""
    slides = {f'a_{i}': (f'p{i}', i % 2) for i in range(4)}
    inputs, workspace = make(tmp_path, slides, slide=r'(a_\d)_')
    tested = []

    def method(inputs, workspace):
        train, val = (
            read_lines(inputs.files[name], 2, inputs.slide) for name in ('train', 'val')
        )
        tested.extend({*val.slides.tolist()})
        assert not {*train.slides.tolist()} & {*val.slides.tolist()}
        return Scores(slides=np.full((len({*val.slides.tolist()}), 2), 0.5))

    held = hold_out(inputs, workspace, method)
    assert sorted(tested) == sorted(slides)
    assert sorted(held.groups) == ['p0', 'p1', 'p2', 'p3']


def test_more_than_ten_patients_are_left_out_in_ten_parts(tmp_path):
    slides = {f's{i}': (f'p{i}', i % 2) for i in range(23)}
    method = Recorder()
    held = hold_out(*make(tmp_path, slides), method)
    assert len(method.calls) == 10
    assert sorted(held.groups) == sorted(f'p{i}' for i in range(23))


def test_one_slide_of_a_class_cannot_be_held_out(tmp_path):
    method = Recorder()
    slides = {'a': ('p', 0), 'b': ('q', 1), 'c': ('r', 1)}
    assert hold_out(*make(tmp_path, slides), method) is None
    assert method.calls == []


def test_the_likelihood_of_a_patient_by_hand():
    scores = np.array([[0.5, 0.5], [0.2, 0.8], [0.25, 0.75]])
    held = HeldOut(scores, np.array([0, 1, 0]), np.array(['b', 'b', 'a']))
    expected = [-np.log(0.25), (-np.log(0.5) - np.log(0.8)) / 2]
    np.testing.assert_allclose(slide_nll(held), expected)


@pytest.mark.parametrize(
    ('best', 'chosen'),
    [(0.0015, 'its own rate × 3'), (0.0005, 'its own rate'), (None, 'its own rate')],
)
def test_the_rate_with_the_best_held_out_likelihood_is_chosen(tmp_path, best, chosen):
    """0.0005 is ABMIL's own rate; the trials are 0.00015 and 0.0015."""
    inputs, workspace = make(tmp_path, rates=(0.3, 1.0, 3.0))

    def sure(lr):
        value = 0.0005 if lr is None else lr
        return 0.9 if best is not None and np.isclose(value, best) else 0.6

    method = Recorder(sure)
    after, held = choose_rate(inputs, workspace, method)
    assert len(method.calls) == 9  # three trials of three patients
    facts = json.loads((workspace.folder / 'training.json').read_text())
    assert facts['chosen'] == chosen
    rate = after.method.settings.get('lr', 0.0005)
    assert rate == pytest.approx(0.0015 if '3' in chosen else 0.0005)
    expected = 0.9 if best is not None else 0.6
    assert held.scores[held.labels == 0][0, 0] == pytest.approx(expected)


def test_a_gain_within_one_standard_error_changes_nothing(tmp_path):
    """One patient gains much and two lose a little: mean 0.28, standard error 0.36."""
    inputs, workspace = make(tmp_path, rates=(1.0, 3.0))

    def method(inputs, workspace):
        lines = read_lines(inputs.files['val'], 2)
        trial = 'lr' in inputs.method.settings
        p = 0.5
        if trial:
            p = 0.95 if 'c' in lines.slides else 0.47
        right = np.where(np.arange(2) == lines.labels[:, None], p, 1 - p)
        return Scores(patches=right)

    gains = np.log([0.95 / 0.5, 0.47 / 0.5, 0.47 / 0.5])
    assert 0 < gains.mean() < gains.std(ddof=1) / np.sqrt(3)
    after, _ = choose_rate(inputs, workspace, method)
    assert after is inputs


def test_the_rate_of_a_method_is_multiplied(tmp_path):
    inputs, _ = make(tmp_path)
    mine = replace(inputs, method=replace(inputs.method, settings={'lr': 0.2}))
    assert with_rate(mine, 3).method.settings == {'lr': pytest.approx(0.6)}


def test_held_out_slides_are_recorded_and_test_slides_play_no_part(tmp_path):
    inputs, workspace = make(tmp_path, held_out=True)
    method = Recorder()
    scores = with_training_slides(method)(inputs, workspace)
    assert scores.slides.tolist() == [[1.0, 0.0]]
    tested = [val for _, val, _ in method.calls]
    assert tested.count('of the test slides') == 1
    assert tested[-1] == 'of the test slides'
    facts = json.loads((workspace.folder / 'training.json').read_text())
    assert sorted(facts['held_out']['groups']) == ['p', 'p', 'q', 'r', 'r']
    assert not (workspace.folder / 'held_out').exists()


def test_a_job_that_does_not_ask_holds_nothing_out(tmp_path):
    inputs, workspace = make(tmp_path)
    method = Recorder()
    with_training_slides(method)(inputs, workspace)
    assert len(method.calls) == 1
    assert not (workspace.folder / 'training.json').exists()
