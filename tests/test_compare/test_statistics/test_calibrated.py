"""Temperatures and sets from held-out training slides, by hand."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss

from cite.compare.folder.results import Results, Run
from cite.compare.folder.training import HeldOut, Training
from cite.compare.statistics.calibrated import calibrated

SETTINGS = {'methods': {'m': {'label': 'M'}}, 'classes': ['0', '1'], 'shots': ['all']}


def held(scores, labels, groups=None):
    groups = [f's{i}' for i in range(len(labels))] if groups is None else groups
    return HeldOut(np.array(scores), np.array(labels), np.array(groups))


def results(scores, labels, *parts, fold=None):
    trainings = tuple(Training(held_out=part) for part in parts)
    jobs = tuple(f'm{i}' for i in range(len(parts)))
    number = len(labels)
    run = Run(jobs, 'm', 'all', 0, 0, np.array(scores), trainings, fold)
    return Results(
        folder=Path(),
        settings=SETTINGS,
        slides=np.array([f't{i}' for i in range(number)]),
        patients=np.array([''] * number),
        labels=np.array(labels),
        patch_counts=np.ones(number, dtype=int),
        runs=[run],
        failures=[],
    )


# Odds of 9 to 1 where 3 of 4 are right: the temperature, log 9 / log 3, makes them 3.
SURE = held([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.1]], [0, 0, 1, 1])
TEST = [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]]


def test_a_temperature_by_hand():
    (row,) = calibrated(results(TEST, [0, 1, 1], SURE))
    assert row.temperature == pytest.approx(2, abs=1e-3)
    assert row.nll == pytest.approx(log_loss([0, 1, 1], TEST))
    softer = np.array([[0.75, 0.25], [0.25, 0.75], [0.75, 0.25]])
    assert row.nll_after == pytest.approx(log_loss([0, 1, 1], softer), abs=1e-4)
    # Confidence 0.9 where two of three are right, and 0.75 afterwards.
    assert row.ece == pytest.approx(100 * (0.9 - 2 / 3))
    assert row.ece_after == pytest.approx(100 * (0.75 - 2 / 3), abs=1e-2)


def test_test_labels_do_not_change_what_is_fitted():
    first, second = (
        calibrated(results(TEST, labels, SURE))[0] for labels in ([0, 1, 1], [1, 0, 0])
    )
    assert first.temperature == second.temperature
    assert first.size == second.size


def test_sets_of_four_slides_are_all_classes():
    (row,) = calibrated(results(TEST, [0, 1, 1], SURE))
    assert row.everything
    assert (row.coverage, row.size, row.gap, row.units) == (100, 2, 0, 4)


def test_sets_of_ten_slides_by_hand():
    """Ten slides: the quantile is the tenth smallest of ten, the largest 1 - p."""
    scores = [[0.6, 0.4]] * 5 + [[0.4, 0.6]] * 4 + [[0.6, 0.4]]
    labels = [0] * 5 + [1] * 5  # nine right with 0.6, one wrong with 0.4
    part = held(scores, labels)
    # Nine of ten are right: T makes 0.6 into 0.9, so the largest 1 - p is 0.9.
    test = [[0.6, 0.4], [0.95, 0.05], [0.05, 0.95]]
    (row,) = calibrated(results(test, [1, 0, 0], part))
    assert row.temperature == pytest.approx(np.log(1.5) / np.log(9), abs=1e-3)
    assert not row.everything
    # 0.4 becomes 0.1, which is in; 0.05 becomes far less, which is not.
    assert row.size == pytest.approx((2 + 1 + 1) / 3)
    assert row.coverage == pytest.approx(200 / 3)
    assert row.gap == pytest.approx(50)  # 1 of 1, and 1 of 2


def test_patients_are_the_units_of_sets():
    part = held(SURE.scores, SURE.labels, ['p', 'p', 'q', 'q'])
    assert calibrated(results(TEST, [0, 1, 1], part))[0].units == 2


def test_folds_have_temperatures_of_their_own():
    calm = held(
        [[0.75, 0.25]] * 3 + [[0.25, 0.75]] * 4 + [[0.75, 0.25]], [0] * 3 + [1] * 5
    )
    fold = np.array([0, 1, 1])
    (row,) = calibrated(results(TEST, [0, 1, 1], SURE, calm, fold=fold))
    both = 2 * np.log(3) / np.log(7)  # 7 of 8 right with odds of 3
    assert row.temperature == pytest.approx(np.sqrt(both), abs=1e-3)


@pytest.mark.parametrize('parts', [(), (None,), (SURE, None)])
def test_runs_without_held_out_slides_have_no_row(parts):
    assert calibrated(results(TEST, [0, 1, 1], *parts)) == []


def test_a_class_with_one_slide_has_no_row():
    part = held([[0.9, 0.1]] * 3, [0, 0, 1])
    assert calibrated(results(TEST, [0, 1, 1], part)) == []
