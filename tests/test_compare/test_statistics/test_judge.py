"""What is said of made-up methods: worked by hand, and as often as it should be."""

from collections import Counter

import numpy as np
import pytest
from scipy import special, stats

from benchmarks.levels import Simulation
from cite.compare.statistics.judge import Sample, Terms, judge

TERMS = Terms(patients=40, of_class=12, trained=True)


def _sample(rng, draws, seeds=1, patients=40):
    hits = 100.0 * (rng.uniform(size=(draws * seeds, patients)) < 0.7)
    without = (hits.sum(1, keepdims=True) - hits) / (patients - 1)
    return Sample(np.repeat(np.arange(draws), seeds), hits.mean(1), without)


def test_seeds_of_a_draw_are_averaged_first(rng):
    sample = _sample(rng, 5, seeds=3)
    once = sample.by_draw()
    assert once.values == pytest.approx(sample.values.reshape(5, 3).mean(1))
    twice = judge('accuracy', once, TERMS, paired=True)
    assert judge('accuracy', sample, TERMS, paired=True) == twice


def test_with_four_draws_the_models_are_compared(rng):
    sample = _sample(rng, 4)
    got = judge('accuracy', sample, TERMS, paired=True)
    assert (got.models, got.reason) == (True, 'draws')
    assert np.isnan(got.p)
    # Student's interval of each patient's mean over these models.
    means = 100 * 0.7 + (sample.without.mean(0) - 70)  # any shift of the same spread
    half = stats.t.ppf(0.975, 39) * 39 * means.std(ddof=1) / np.sqrt(40)
    assert got.value.high - got.value.estimate == pytest.approx(half)
    assert not judge('accuracy', _sample(rng, 5), TERMS, paired=True).models
    untrained = TERMS._replace(trained=False)
    assert judge('accuracy', _sample(rng, 1), untrained, paired=True).p <= 1


def test_draws_of_the_same_slides_are_one(rng):
    got = judge('accuracy', _sample(rng, 5), TERMS._replace(overlap=1.0), paired=True)
    assert got.models


def test_an_interval_of_a_share_is_the_logits(rng):
    sample = _sample(rng, 1)
    got = judge('accuracy', sample, TERMS, paired=False)
    p, deviation = sample.values[0] / 100, 0.39 * sample.without.std(ddof=1)
    half = stats.t.ppf(0.975, 39) * deviation / np.sqrt(40) / (p * (1 - p))
    expected = special.expit(special.logit(p) + np.array([-half, half]))
    assert got.value[1:] == pytest.approx(100 * expected)


@pytest.mark.parametrize(
    ('metric', 'terms', 'reason'),
    [
        ('ece', TERMS, 'biased'),
        ('ece_debiased', TERMS, 'biased'),
        ('accuracy', TERMS._replace(patients=9), 'patients'),
        ('nll', TERMS._replace(patients=19), 'tail'),
        ('auroc', TERMS._replace(of_class=6), 'class'),
    ],
)
def test_no_interval_has_a_reason(rng, metric, terms, reason):
    for paired in (True, False):
        got = judge(metric, _sample(rng, 5), terms, paired)
        assert got.reason == reason
        assert np.isnan(got.p)
        assert np.isnan(got.value.low)


def test_a_value_at_the_end_of_its_scale_has_no_interval():
    sample = Sample(np.arange(5), np.full(5, 100.0), np.full((5, 40), 100.0))
    assert judge('accuracy', sample, TERMS, paired=False).reason == 'end'
    equal = sample.minus(sample)
    assert judge('accuracy', equal, TERMS, paired=True).p == 1


def test_equal_methods_get_few_stars_and_intervals_hold_the_truth():
    """The levels in small: docs/COMPARE_FIGURES.md has the whole table."""
    counts = Counter()
    simulation = Simulation(0.25, [30])
    for i in range(40):
        simulation.run([1, i], counts)
    for what, low, high in (('star', 0, 0.1), ('one', 0.9, 1), ('two', 0.9, 1)):
        keys = [
            f'30 {d} 2 0.25 {m} {what}' for d in (5, 10) for m in ('accuracy', 'nll')
        ]
        yes, of = (sum(counts[f'{k} {x}'] for k in keys) for x in ('yes', 'of'))
        assert of == 160
        assert low <= yes / of <= high, what
    assert not any(counts[f'30 {d} 2 0.25 accuracy star of'] for d in (1, 2, 3))
