"""Methods on slides without text, and others' predictions."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_bags import doubled, make_bags, permuted, run
from torch.nn import functional as F

from cite.compare.methods import SETTINGS, dtfd, slide_linear
from cite.compare.methods.abmil import GatedAttention
from cite.compare.methods.dtfd import DoubleTier, deal
from cite.compare.methods.external import read_predictions
from cite.compare.methods.features import Features
from cite.compare.methods.scores import Lines

TRAIN, TEST = make_bags(0), make_bags(0, first=500)
QUICK = {'epochs': 60, 'lr': 3e-3, 'hidden': 16}


def test_weights_of_patches_count_slides_and_classes_alike():
    part = Features(
        np.zeros((6, 1)), np.array([0, 0, 0, 0, 1, 1]), np.array([*'aaabcc'])
    )
    # Half for each class; class 0 has two slides, of three patches and of one.
    expected = [1 / 12] * 3 + [1 / 4] * 3
    np.testing.assert_allclose(part.patch_weights(), expected)


@pytest.mark.parametrize('classes', [2, 3])
def test_slide_linear_is_at_the_optimum_of_its_loss(monkeypatch, classes):
    """Against torch's L-BFGS in float64 on the loss as it is documented."""
    train = make_bags(1, classes, slides=4, signal=0.5)
    kept = ~np.isin(train.bags, train.bags[train.labels == 0][:1])  # unequal classes
    train = Features(*(column[kept] for column in train))
    test = make_bags(1, classes, first=500)
    found = run(monkeypatch, slide_linear, train, test, classes=classes).slides
    x = torch.tensor(train.slide_means())
    y = torch.tensor(train.slide_labels())
    cost = x.shape[1] * classes / 100
    balance = len(y) / (classes * torch.bincount(y).double())
    weight = torch.zeros(classes, x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=500, tolerance_grad=1e-10, tolerance_change=1e-14
    )

    def loss():
        optimizer.zero_grad()
        each = F.cross_entropy(x @ weight.t() + bias, y, reduction='none')
        value = 0.5 * (weight**2).sum() + cost * (balance[y] * each).sum()
        value.backward()
        return value

    for _ in range(5):
        optimizer.step(loss)
    logits = torch.tensor(test.slide_means()) @ weight.t() + bias
    np.testing.assert_allclose(found, logits.softmax(1).detach(), atol=1e-4)


@pytest.mark.parametrize('method', [slide_linear, dtfd], ids=lambda m: m.__name__)
def test_methods_learn_and_repeat_themselves(monkeypatch, method):
    settings = {k: v for k, v in QUICK.items() if k in SETTINGS[method.__name__]}
    scores = run(monkeypatch, method, TRAIN, TEST, **settings)
    assert scores.patches is None
    assert (scores.slides.argmax(1) == TEST.slide_labels()).mean() > 0.8
    again = run(monkeypatch, method, TRAIN, TEST, **settings)
    np.testing.assert_array_equal(scores.slides, again.slides)
    other = run(monkeypatch, method, TRAIN, TEST, seed=1, **settings)
    assert (other.slides == scores.slides).all() == (method is slide_linear)


def test_slide_linear_knows_neither_order_nor_number_of_patches(monkeypatch):
    scores = run(monkeypatch, slide_linear, TRAIN, TEST).slides
    for change in (permuted, doubled):
        other = run(monkeypatch, slide_linear, change(TRAIN), change(TEST)).slides
        np.testing.assert_allclose(other, scores, atol=1e-6)


def test_the_first_tier_with_one_pseudo_bag_is_abmil():
    torch.manual_seed(0)
    model, bag = DoubleTier(5, 3, hidden=4), torch.randn(7, 5)
    groups = deal(7, 1, np.random.default_rng(0))
    of_bags, of_slide = model(bag, groups)
    expected, _ = model.patches(bag)
    np.testing.assert_allclose(of_bags[0].detach(), expected.detach(), atol=1e-6)
    # The second tier has one instance, so all its attention is there.
    attended = model.patches.attend(bag[None], torch.ones(1, 7, dtype=torch.bool))
    expected = model.bags.classifier(attended)[0]
    np.testing.assert_allclose(of_slide.detach(), expected.detach(), atol=1e-6)


def test_pseudo_bags_are_abmil_one_by_one():
    """The slide's patches are dealt out whole; padding has no weight."""
    torch.manual_seed(0)
    model, bag = DoubleTier(5, 3, hidden=4), torch.randn(13, 5)
    groups = deal(13, 5, np.random.default_rng(0))
    members = [row[row >= 0] for row in groups]
    assert sorted(torch.cat(members).tolist()) == [*range(13)]
    assert {len(m) for m in members} == {2, 3}
    of_bags, of_slide = model(bag, groups)
    expected, features = [], []
    for m in members:
        logits, weights = model.patches(bag[m])
        expected.append(logits)
        features.append(weights @ bag[m])
    np.testing.assert_allclose(
        of_bags.detach(), torch.stack(expected).detach(), atol=1e-6
    )
    slide, _ = GatedAttention.forward(model.bags, torch.stack(features))
    np.testing.assert_allclose(of_slide.detach(), slide.detach(), atol=1e-6)


def test_a_slide_of_few_patches_has_few_pseudo_bags():
    assert deal(2, 5, np.random.default_rng(0)).shape == (2, 1)


LINES = Lines(['b_0', 'a_0', 'a_1'], np.array([1, 0, 0]), np.array(['b', 'a', 'a']))


def predictions(folder, text):
    path = folder / 'p.csv'
    path.write_text(text)
    return path


def test_predictions_from_elsewhere_are_sorted_by_slide(tmp_path):
    path = predictions(tmp_path, 'no,slide,yes\n0.25,b,0.75\n0.9,a,0.1\n')
    scores = read_predictions(path, LINES, ['no', 'yes'])
    np.testing.assert_allclose(scores, [[0.9, 0.1], [0.25, 0.75]])


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('slide,no\na,1\nb,1\n', r':1: the columns are .*give slide and a column for'),
        ('slide,no,yes,maybe\na,1,0,0\n', r':1: the columns are'),
        ('slide,no,yes\na,1,0\nc,1,0\n', r":3: 'c' is not one of the test slides"),
        ('slide,no,yes\na,1,0\na,1,0\nb,1,0\n', r':3: slide a has a line before'),
        ('slide,no,yes\na,1,0\n', r'no line for 1 of 2 test slides: b'),
        ('slide,no,yes\na,1,0\nb,0.5,0.6\n', r':3: the probabilities sum to 1\.1000'),
        ('slide,no,yes\na,2,-1\nb,1,0\n', r':2: .* are not probabilities'),
        ('slide,no,yes\na,nan,1\nb,1,0\n', r':2: .* are not probabilities'),
        ('slide,no,yes\na,high,1\nb,1,0\n', r':2: .* are not numbers'),
        ('slide,no,yes\na,1\nb,1,0\n', r':2: .* are not numbers'),
        ('slide,label,no,yes\na,yes,1,0\nb,yes,1,0\n', r":2: .*label 'yes', but 'no'"),
        ('', r':1: the columns are'),
    ],
)
def test_faulty_predictions_are_named_by_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_predictions(predictions(tmp_path, text), LINES, ['no', 'yes'])


def test_every_method_has_a_row_in_the_documentation():
    text = (Path(__file__).parents[3] / 'docs/COMPARE.md').read_text()
    assert [name for name in SETTINGS if f'`{name}`' not in text] == []
    keys = {key for settings in SETTINGS.values() for key in settings}
    assert [key for key in keys if f'`{key}' not in text] == []
