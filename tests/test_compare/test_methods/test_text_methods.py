"""Methods that start from the class texts, against closed forms and other programs."""

import numpy as np
import pytest
import torch
from made_up_bags import class_vectors, doubled, make_bags, permuted, run
from scipy.special import log_softmax, softmax
from torch.nn import functional as F

from cite.compare.methods import (
    clap,
    lp_pp,
    ss_text,
    text_mil,
    transclip,
    zero_shot_pool,
)
from cite.compare.methods.clap import descend
from cite.compare.methods.class_texts import ClassTexts
from cite.compare.methods.lp_pp import descend as descend_lp_pp
from cite.compare.methods.lp_pp import with_bias
from cite.compare.methods.text_mil import ridge
from cite.compare.methods.transclip import adapt

TRAIN, TEST = make_bags(0), make_bags(0, first=500)
TEXTS = class_vectors()
ON_TEXTS = [clap, lp_pp, ss_text, text_mil, transclip, zero_shot_pool]


def accuracy(scores, part):
    slides = scores.slides
    if slides is None:
        slides = part._replace(values=scores.patches).slide_means()
    return (slides.argmax(1) == part.slide_labels()).mean()


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.mark.parametrize('method', ON_TEXTS, ids=lambda m: m.__name__)
def test_slides_with_a_class_of_their_own_are_found_again(monkeypatch, method):
    scores = run(monkeypatch, method, TRAIN, TEST, TEXTS)
    for values in filter(lambda s: s is not None, scores):
        np.testing.assert_allclose(values.sum(1), 1, atol=1e-5)
    assert accuracy(scores, TEST) > 0.8
    again = run(monkeypatch, method, TRAIN, TEST, TEXTS)
    for first, second in zip(scores, again):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize('method', ON_TEXTS, ids=lambda m: m.__name__)
def test_the_order_of_test_patches_does_not_matter(monkeypatch, method):
    scores = run(monkeypatch, method, TRAIN, TEST, TEXTS)
    other = run(monkeypatch, method, TRAIN, permuted(TEST), TEXTS)
    if scores.slides is None:
        np.testing.assert_allclose(
            permuted(TEST._replace(values=scores.patches)).values,
            other.patches,
            atol=1e-5,
        )
    else:
        np.testing.assert_allclose(scores.slides, other.slides, atol=1e-5)


@pytest.mark.parametrize(
    'method', [clap, lp_pp, ss_text, transclip], ids=lambda m: m.__name__
)
def test_patches_that_are_there_twice_change_no_training(monkeypatch, method):
    """Slides count alike, with few patches or many."""
    scores = run(monkeypatch, method, TRAIN, TEST, TEXTS)
    twice = run(monkeypatch, method, doubled(TRAIN), TEST, TEXTS)
    for first, second in zip(scores, twice):
        if first is not None:
            np.testing.assert_allclose(first, second, atol=1e-4)


def test_pooled_zero_shot_is_the_mean_of_the_best_cosines(monkeypatch):
    scores = run(monkeypatch, zero_shot_pool, None, TEST, TEXTS, top=2).slides
    cosines = unit(TEST.values) @ TEXTS.vectors.numpy().T
    for slide, found in zip(np.unique(TEST.bags), scores):
        of_slide = cosines[TEST.bags == slide]
        best = [sorted(column)[-2:] for column in of_slide.T]
        expected = softmax(TEXTS.scale * np.mean(best, axis=1))
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    whole = run(monkeypatch, zero_shot_pool, None, TEST, TEXTS, top=0).slides
    many = run(monkeypatch, zero_shot_pool, None, TEST, TEXTS, top=99).slides
    np.testing.assert_array_equal(whole, many)


def test_a_step_of_clap_goes_down_the_slope_of_its_loss():
    """Against a gradient by finite differences of equation 8, written anew."""
    rng = np.random.default_rng(1)
    x, labels = unit(rng.normal(size=(5, 4))), np.array([0, 0, 0, 1, 2])
    texts, shares = unit(rng.normal(size=(3, 4))), np.array([1, 1, 1, 3, 3]) / 9
    start = softmax(10 * x @ texts.T, axis=1)
    penalty = [start[labels == k, k].mean() for k in range(3)]

    def plain(weight):
        each = -log_softmax(10 * x @ unit(weight).T, axis=1)[np.arange(5), labels]
        return shares @ each

    def loss(weight):
        drift = ((weight - texts) ** 2).sum(1)
        return plain(weight) + np.mean(np.array(penalty) * drift)

    def slope(weight):
        gradient = np.zeros_like(weight)
        for place in np.ndindex(*weight.shape):
            step = np.zeros_like(weight)
            step[place] = 1e-6
            gradient[place] = (loss(weight + step) - loss(weight - step)) / 2e-6
        return gradient

    # Two steps: the rates are 0.01 and, half way down the cosine, 0.005.
    first = slope(texts)
    once = texts - 0.01 * first
    expected = once - 0.005 * (0.9 * first + slope(once))
    tensors = [torch.tensor(t) for t in (x, labels, shares, texts)]
    found, losses = descend(*tensors, scale=10.0, steps=2, lr=0.01, constraint=1.0)
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert losses == pytest.approx([plain(texts), plain(once)], abs=1e-6)


def test_without_steps_clap_is_zero_shot(monkeypatch):
    scores = run(monkeypatch, clap, TRAIN, TEST, TEXTS, steps=0).patches
    expected = softmax(20 * unit(TEST.values) @ TEXTS.vectors.numpy().T, axis=1)
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_the_more_constraint_the_nearer_to_the_texts():
    x = F.normalize(torch.from_numpy(TRAIN.values), dim=1)
    shares = torch.from_numpy(TRAIN.patch_weights()).float()
    labels = torch.from_numpy(TRAIN.labels)
    moved = [
        (
            descend(x, labels, shares, TEXTS.vectors, 20.0, 50, 0.1, constraint)[0]
            - TEXTS.vectors
        ).norm()
        for constraint in (0.0, 1.0, 5.0)
    ]
    assert moved[0] > moved[1] > moved[2]


@pytest.mark.parametrize(
    ('settings', 'kappa'),
    [({}, 1.0), ({'kappa': 4.0}, 4.0), ({'paper_constants': True}, 1 / 20)],
)
def test_ss_text_is_the_mean_of_slides_and_text(monkeypatch, settings, kappa):
    scores = run(monkeypatch, ss_text, TRAIN, TEST, TEXTS, **settings).patches
    weights = []
    for k in range(3):
        slides = [
            unit(TRAIN.values[TRAIN.bags == s]).mean(0)
            for s in np.unique(TRAIN.bags[TRAIN.labels == k])
        ]
        total = np.sum(slides, axis=0) + kappa * TEXTS.vectors[k].numpy()
        weights.append(total / (len(slides) + kappa))
    expected = softmax(20 * unit(TEST.values) @ unit(np.array(weights)).T, axis=1)
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def reference_lp_pp(x, labels, texts, steps):
    """The source's pseudo-code, of N samples one by one, in NumPy."""
    n, k = len(x), len(texts)
    onehot = np.eye(k)[labels]
    cosines = x @ texts.T
    one = np.hstack([x, np.ones((n, 1))])
    w = np.hstack([onehot.T @ x, np.zeros((k, 1))])
    alpha = np.full(k, 250 / k * sum(cosines[labels == c, c].mean() for c in range(k)))
    rate = 4 * n / np.linalg.eigvalsh(one.T @ one).max()
    rate_alpha = n / (4 * (cosines**2).sum(0).max())
    velocity, losses = np.zeros_like(w), []
    for step in range(1, steps + 1):
        p = softmax(one @ w.T + alpha * cosines, axis=1)
        losses.append(-np.log(p[range(n), labels]).mean())
        velocity = 0.9 * velocity + (p - onehot).T @ one / n
        if step % 10 == 0:
            alpha = alpha - rate_alpha * ((p - onehot) * cosines).sum(0) / n
        w = w - rate * velocity
    return w, alpha, losses


def test_lp_pp_is_its_pseudo_code_where_slides_are_one_patch():
    rng = np.random.default_rng(2)
    x, labels = unit(rng.normal(size=(9, 5))), np.arange(9) % 3
    texts = unit(rng.normal(size=(3, 5)))
    expected = reference_lp_pp(x, labels, texts, 25)
    tensors = [torch.tensor(t) for t in (x, x @ texts.T, labels, np.full(9, 1 / 9))]
    found = descend_lp_pp(with_bias(tensors[0]), *tensors[1:], slides=9, steps=25)
    for mine, theirs in zip(found, expected):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-8)


def test_text_mil_without_steps_is_the_zero_shot_mean(monkeypatch):
    settings = {'identity': True, 'steps': 0}
    scores = run(monkeypatch, text_mil, TRAIN, TEST, TEXTS, **settings).slides
    means = [unit(s).mean(0) for s in TEST.of_slides()]
    expected = softmax(20 * unit(np.array(means)) @ TEXTS.vectors.numpy().T, axis=1)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    np.testing.assert_allclose(
        run(monkeypatch, text_mil, TRAIN, doubled(TEST), TEXTS, **settings).slides,
        scores,
        atol=1e-5,
    )


def test_the_start_of_text_mil_is_scikit_learns_ridge():
    linear_model = pytest.importorskip('sklearn.linear_model')
    rng = np.random.default_rng(3)
    x, targets = rng.normal(size=(7, 5)), rng.normal(size=(7, 4))
    shares = rng.random(7)
    expected = linear_model.Ridge(alpha=0.3, fit_intercept=False)
    expected.fit(x, targets, sample_weight=shares)
    found = ridge(x, targets, shares, 0.3)
    np.testing.assert_allclose(found, expected.coef_, rtol=1e-6)


def test_text_mil_finds_the_one_patch_that_tells(monkeypatch):
    """Where one patch in twelve carries the label, attention beats the mean."""

    def slides(first):
        part = make_bags(7, classes=2, slides=20, patches=12, signal=0, first=first)
        values = part.values.copy()
        _, place = np.unique(part.bags, return_index=True)
        values[place] *= 0.1
        values[place, part.labels[place]] += 6
        return part._replace(values=values)

    train, test, texts = slides(0), slides(500), class_vectors(2)
    settings = {'identity': True, 'classes': 2, 'lr': 1e-2}
    scores = run(monkeypatch, text_mil, train, test, texts, **settings)
    start = run(monkeypatch, text_mil, train, test, texts, **settings, steps=0)
    assert accuracy(scores, test) > max(0.9, accuracy(start, test))
    prior = run(monkeypatch, text_mil, train, test, texts, **settings, prior=True)
    assert accuracy(prior, test) > 0.9


def test_text_mil_refuses_the_identity_between_two_widths(monkeypatch):
    texts = class_vectors(width=5)
    with pytest.raises(ValueError, match='8 wide, text embeddings 5'):
        run(monkeypatch, text_mil, TRAIN, TEST, texts, identity=True)
    assert accuracy(run(monkeypatch, text_mil, TRAIN, TEST, texts), TEST) > 0.8


def reference_transclip(x, texts, scale, support=None, labels=None):
    """The formulas, patch by patch and class by class, in NumPy."""
    n, k = len(x), len(texts)
    prior = softmax(scale * x @ texts.T, axis=1)
    lam = 1.0 if support is None else 0.5
    w = np.maximum(x @ x.T, 0)
    graph = np.zeros((n, n))
    for i in range(n):
        order = [j for j in np.argsort(-w[i]) if j != i][:3]
        for j in order:
            graph[i, j] += w[i, j]
            graph[j, i] += w[i, j]
    z, mu, var = prior.copy(), texts.copy(), np.full(x.shape[1], 1 / x.shape[1])
    for _ in range(10):
        g = np.array([[-0.5 * ((f - m) ** 2 / var).sum() for m in mu] for f in x])
        for _ in range(5):
            raw = prior**lam * np.exp((g + 50 / 6 * graph @ z) / 50)
            z = raw / raw.sum(1, keepdims=True)
        new, spread, total = np.zeros_like(mu), np.zeros(x.shape[1]), 0.0
        known = np.zeros((0, k)) if support is None else np.eye(k)[labels]
        for c in range(k):
            top = z[:, c] @ x / n
            below = z[:, c].sum() / n
            if support is not None:
                top = top + 0.02 / len(support) * known[:, c] @ support
                below += 0.02 / len(support) * known[:, c].sum()
            beta = z[:, c].sum() + known[:, c].sum()
            beta = beta / (beta + 1)
            new[c] = beta * top / below + (1 - beta) * texts[c]
        mu = new
        for c in range(k):
            spread += z[:, c] @ (x - mu[c]) ** 2 / n
            total += z[:, c].sum() / n
            if support is not None:
                spread += 0.02 / len(support) * known[:, c] @ (support - mu[c]) ** 2
                total += 0.02 / len(support) * known[:, c].sum()
        var = spread / total
    return z


@pytest.mark.parametrize('few_shot', [False, True])
def test_transclip_is_its_formulas(few_shot):
    rng = np.random.default_rng(4)
    x, texts = unit(rng.normal(size=(12, 6))), unit(rng.normal(size=(3, 6)))
    support, labels = unit(rng.normal(size=(6, 6))), np.arange(6) % 3
    known = (torch.tensor(support), torch.tensor(labels)) if few_shot else None
    found = adapt(torch.tensor(x), ClassTexts(torch.tensor(texts), 5.0), 3, known)
    more = (support, labels) if few_shot else ()
    expected = reference_transclip(x, texts, 5.0, *more)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def test_transclip_sees_the_other_slides_unless_within_slides(monkeypatch):
    fewer = TEST.bags != TEST.bags[-1]
    part = type(TEST)(*(column[fewer] for column in TEST))
    whole, less = (
        run(monkeypatch, transclip, TRAIN, p, TEXTS).slides for p in (TEST, part)
    )
    assert np.abs(whole[: len(less)] - less).max() > 1e-5
    whole, less = (
        run(monkeypatch, transclip, None, p, TEXTS, within_slides=True).patches
        for p in (TEST, part)
    )
    np.testing.assert_allclose(whole[: len(less)], less, atol=1e-6)


@pytest.mark.parametrize(
    'method',
    [clap, lp_pp, ss_text, transclip, zero_shot_pool],
    ids=lambda m: m.__name__,
)
def test_texts_of_another_space_are_refused(monkeypatch, method):
    texts = class_vectors(width=5)
    with pytest.raises(
        ValueError, match=rf'8 wide, text embeddings 5.*{method.__name__}'
    ):
        run(monkeypatch, method, TRAIN, TEST, texts)
