"""Ten numbers of the table, worked out again from the predictions by other means.

Nothing of ``cite.compare`` is used after the tables are written: pandas reads the files
and scikit-learn computes the metrics.
"""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from made_up_comparison import CLASSES, make_comparison
from scipy import stats
from sklearn import metrics as sk

from cite.compare.report import write_all


@pytest.fixture(scope='module')
def out(tmp_path_factory):
    out = make_comparison(
        tmp_path_factory.mktemp('ten') / 'out',
        slides=70,
        methods=('cite', 'linear', 'zeroshot'),
        shots=(1, 'all'),
        draws=5,
        patch_files=False,
        failures=0,
    )
    write_all(out)
    return out


@pytest.fixture(scope='module')
def line(out):
    """Return a function that finds a line of ``table.csv``."""
    table = pd.read_csv(out / 'table.csv', dtype={'shots': str, 'reference_shots': str})

    def find(method, shots, figure, against=None):
        rows = table[(table.method == method) & (table.figure == figure)]
        rows = rows[rows.shots == shots]
        if against:
            rows = rows[rows.reference_shots == against]
        return rows.iloc[0]

    return find


@pytest.fixture(scope='module')
def runs(out):
    """Return the predictions of every run, with their keys."""
    text = (out / 'results.jsonl').read_text().splitlines()
    lines = [json.loads(row) for row in text]
    return [
        (row, pd.read_csv(out / 'predictions' / f'{row["job"]}.csv')) for row in lines
    ]


def accuracy(table):
    return 100 * sk.accuracy_score(table.label, table[CLASSES].idxmax(axis=1))


def balanced(table):
    return 100 * sk.balanced_accuracy_score(table.label, table[CLASSES].idxmax(axis=1))


def f1(table):
    guess = table[CLASSES].idxmax(axis=1)
    return 100 * sk.f1_score(table.label, guess, average='macro')


def kappa(table):
    order = {name: i for i, name in enumerate(CLASSES)}
    guess = table[CLASSES].idxmax(axis=1).map(order)
    return 100 * sk.cohen_kappa_score(
        table.label.map(order), guess, weights='quadratic'
    )


def auroc(table):
    one = [sk.roc_auc_score(table.label == name, table[name]) for name in CLASSES]
    return 100 * np.mean(one)


def nll(table):
    scores = table[sorted(CLASSES)].to_numpy()
    scores = scores / scores.sum(1, keepdims=True)
    return sk.log_loss(table.label, scores, labels=sorted(CLASSES))


def by_draw(runs, method, shots, figure):
    """Return a figure of a method for each draw, the mean over its seeds."""
    chosen = [
        (r['draw'], t) for r, t in runs if (r['method'], r['shots']) == (method, shots)
    ]
    frame = pd.DataFrame([(draw, figure(table)) for draw, table in chosen])
    return frame.groupby(0)[1].mean()


def test_six_values(runs, line):
    cases = [
        ('cite', 1, 'accuracy', accuracy),
        ('cite', 'all', 'mean_accuracy', balanced),
        ('linear', 1, 'f1', f1),
        ('linear', 'all', 'kappa', kappa),
        ('linear', 1, 'auroc', auroc),
        ('zeroshot', None, 'nll', nll),
    ]
    for method, shots, name, figure in cases:
        expected = by_draw(runs, method, shots, figure).mean()
        written = line(method, 'none' if shots is None else str(shots), name)
        assert written.value == pytest.approx(expected, rel=1e-4), name


def test_two_differences(runs, line):
    for shots, name, figure in ((1, 'auroc', auroc), ('all', 'accuracy', accuracy)):
        linear, cite = (by_draw(runs, m, shots, figure) for m in ('linear', 'cite'))
        written = line('linear', str(shots), name)
        assert written.difference == pytest.approx((linear - cite).mean(), rel=1e-4)


def test_the_interval_of_a_difference_and_what_its_star_means(runs, line):
    """Each patient is left out in turn, and each data set is scored anew."""
    people = sorted({*runs[0][1].patient})

    def difference(kept):
        some = [(row, table[table.patient.isin(kept)]) for row, table in runs]
        linear, cite = (by_draw(some, m, 1, accuracy) for m in ('linear', 'cite'))
        return (linear - cite).to_numpy()

    whole = difference(people)  # (J,)
    without = np.array([difference({*people} - {one}) for one in people])  # (C, J)
    patients, draws = without.shape
    moved = without - without.mean(0)
    share = (patients - 1) / patients
    of_patients = share * (moved.mean(1) ** 2).sum()
    of_both = share * ((moved.T - moved.mean(1)) ** 2).sum() / (draws * (draws - 1))
    of_draws = max(whole.var(ddof=1) / draws - (draws - 2) / draws * of_both, 0)
    t_patients, t_draws = (stats.t.ppf(0.975, n - 1) for n in (patients, draws))
    half = np.sqrt(t_patients**2 * of_patients + t_draws**2 * of_draws)
    written = line('linear', '1', 'accuracy')
    assert written.difference_low == pytest.approx(whole.mean() - half, rel=1e-4)
    assert written.difference_high == pytest.approx(whole.mean() + half, rel=1e-4)
    assert (written.p <= 0.05) == (abs(whole.mean()) >= half)


def test_runs_are_as_many_as_the_config_asks_for(runs):
    keys = [(r['method'], r['shots'], r['draw'], r['seed']) for r, _ in runs]
    expected = [
        *itertools.product(('cite', 'linear'), (1,), range(1, 6), range(2)),
        *itertools.product(('cite', 'linear'), ('all',), (0,), range(2)),
        ('zeroshot', None, 0, 0),
    ]
    assert sorted(map(str, keys)) == sorted(map(str, expected))
