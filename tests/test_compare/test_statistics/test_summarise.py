"""The summary against scikit-learn, scipy and hand-worked cases."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from cite.compare.folder.read_results import read_results
from cite.compare.statistics.summarise import summarise

TWO = ['a', 'b']


def _folder(out, runs, labels, patients=None, settings=None):
    """Write a comparison of two classes from each run's scores of class b.

    Args:
        runs: ``(method, shots, draw, seed)`` to scores of the slides.
    """
    (out / 'predictions').mkdir(parents=True)
    methods = list(dict.fromkeys(m for m, *_ in runs))
    values = {
        'title': 't',
        'data_prefix': 'none',
        'classes': TWO,
        'methods': {
            m: {'label': m.upper(), 'type': 'x', 'config': ''} for m in methods
        },
        'shots': [1, 2],
        'draws': 9,
        'seeds': [0, 1],
        'reference': methods[0],
        'figures': ['accuracy', 'ece'],
        **(settings or {}),
    }
    (out / 'comparison.json').write_text(json.dumps(values))
    lines = []
    for (method, shots, draw, seed), scores in runs.items():
        job = f'{method}-{shots}-{draw}-{seed}'
        keys = {'method': method, 'shots': shots, 'draw': draw, 'seed': seed}
        lines.append(json.dumps({'job': job, **keys, 'seconds': 1, 'figures': {}}))
        with (out / 'predictions' / f'{job}.csv').open('w', newline='') as stream:
            writer = csv.writer(stream)
            writer.writerow(['slide', 'patient', 'label', 'patches', *TWO])
            for i, (score, label) in enumerate(zip(scores, labels)):
                patient = patients[i] if patients else ''
                writer.writerow([f's{i:03d}', patient, TWO[label], 1, 1 - score, score])
    (out / 'results.jsonl').write_text('\n'.join(lines) + '\n')
    return summarise(read_results(out))


def test_every_figure_is_scikit_learns_mean_over_runs(written):
    results = read_results(written)
    summary = summarise(results)
    y = results.labels
    references = {
        'accuracy': lambda s: 100 * sk.accuracy_score(y, s.argmax(1)),
        'mean_accuracy': lambda s: 100 * sk.balanced_accuracy_score(y, s.argmax(1)),
        'f1': lambda s: 100 * sk.f1_score(y, s.argmax(1), average='macro'),
        'auroc': lambda s: (
            100 * np.mean([sk.roc_auc_score(y == k, s[:, k]) for k in range(3)])
        ),
        'kappa': lambda s: (
            100 * sk.cohen_kappa_score(y, s.argmax(1), weights='quadratic')
        ),
        'nll': lambda s: sk.log_loss(y, s / s.sum(1, keepdims=True)),
    }
    for name, reference in references.items():
        for method, shots in (('cite', 1), ('linear', 'all'), ('zeroshot', None)):
            values = [reference(run.scores) for run in results.of(method, shots)]
            cell = summary.cells['slide', method, shots, name]
            assert cell.of_runs == pytest.approx(values, rel=1e-4), name
            assert cell.value.estimate == pytest.approx(np.mean(values), rel=1e-4)
            assert cell.value.low <= cell.value.estimate <= cell.value.high, name


def test_patches_are_counted_one_by_one(written):
    results = read_results(written)
    summary = summarise(results)
    (run,) = results.of('zeroshot', None)
    with (written / 'patches' / f'{run.job}.csv').open() as stream:
        rows = list(csv.DictReader(stream))
    hits = [max(results.classes, key=lambda c: float(r[c])) == r['label'] for r in rows]
    cell = summary.cells['patch', 'zeroshot', None, 'accuracy']
    assert cell.value.estimate == pytest.approx(100 * np.mean(hits))
    # ABMIL scores slides alone.
    assert ('patch', 'abmil', 1, 'accuracy') not in summary.cells


def test_an_interval_over_slides_is_scipys(tmp_path, rng):
    labels = rng.integers(2, size=150)
    right = rng.uniform(size=150) < 0.7
    scores = np.where(right, labels, 1 - labels) * 0.6 + 0.2
    summary = _folder(tmp_path / 'o', {('m', 1, 1, 0): scores}, labels)
    value = summary.cells['slide', 'm', 1, 'accuracy'].value
    reference = stats.bootstrap(
        (100.0 * right,), np.mean, n_resamples=4000, method='percentile'
    ).confidence_interval
    assert value.low == pytest.approx(reference.low, abs=0.8)
    assert value.high == pytest.approx(reference.high, abs=0.8)


def test_slides_of_one_patient_are_one_piece_of_evidence(tmp_path, rng):
    # 30 patients of 5 slides that are right or wrong together: 30 things, not 150.
    labels = np.zeros(150, int)
    right = np.repeat(rng.uniform(size=30) < 0.7, 5)
    run = {('m', 1, 1, 0): np.where(right, 0.2, 0.8)}
    patients = [f'p{i // 5}' for i in range(150)]
    values = [
        _folder(tmp_path / str(i), run, labels, p).cells['slide', 'm', 1, 'accuracy']
        for i, p in enumerate((None, patients))
    ]
    widths = [cell.value.high - cell.value.low for cell in values]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(5), rel=0.15)


def test_draws_that_differ_widen_the_interval(tmp_path, rng):
    labels = np.zeros(200, int)

    def draws(shares):
        return {
            ('m', 1, d, 0): np.where(rng.uniform(size=200) < share, 0.2, 0.8)
            for d, share in enumerate(shares, 1)
        }

    shares = [0.3, 0.4, 0.5, 0.6, 0.7]
    alike = _folder(tmp_path / 'a', draws([0.5] * 5), labels)
    apart = _folder(tmp_path / 'b', draws(shares), labels)
    narrow, wide = (s.cells['slide', 'm', 1, 'accuracy'].value for s in (alike, apart))
    assert wide.high - wide.low > 1.8 * (narrow.high - narrow.low)
    # Between draws: Student's interval of their mean; slides add little.
    half = stats.t.ppf(0.975, 4) * stats.sem([100 * s for s in shares])
    assert (wide.high - wide.low) / 2 == pytest.approx(half, rel=0.25)


def test_a_test_pairs_draws_and_seeds_that_both_have(tmp_path):
    labels = np.zeros(40, int)
    good, bad = np.full(40, 0.1), np.where(np.arange(40) < 20, 0.1, 0.9)
    runs = {
        ('ref', 1, 1, 0): bad,
        ('ref', 1, 2, 0): good,  # other has no such draw
        ('other', 1, 1, 0): good,
        ('other', 1, 3, 0): bad,
    }
    summary = _folder(tmp_path / 'o', runs, labels)
    test = summary.tests['slide', 'other', 1, 'accuracy']
    assert test.runs == 1
    assert test.difference.estimate == pytest.approx(50)
    # The table's values are over all runs: equal.
    values = [summary.cells['slide', m, 1, 'accuracy'].value for m in ('ref', 'other')]
    assert [v.estimate for v in values] == [75, 75]


def test_pairing_makes_a_steady_difference_certain(tmp_path):
    # Both are right on the same 60 of 100, one on 12 more: apart, intervals overlap.
    labels = np.zeros(100, int)
    first, second = (np.where(np.arange(100) < n, 0.1, 0.9) for n in (60, 72))
    runs = {('ref', 1, d, 0): first for d in range(1, 6)}
    runs.update({('other', 1, d, 0): second for d in range(1, 6)})
    summary = _folder(tmp_path / 'o', runs, labels)
    a, b = (summary.cells['slide', m, 1, 'accuracy'].value for m in ('ref', 'other'))
    assert a.high > b.low
    test = summary.tests['slide', 'other', 1, 'accuracy']
    # All draws agree, so this is Student's test of the slides.
    right = np.arange(100) < 12
    assert test.p == pytest.approx(stats.ttest_1samp(right * 1.0, 0).pvalue, rel=1e-6)


def test_an_untrained_method_meets_the_reference_at_every_number_of_shots(written):
    results = read_results(written)
    tests = summarise(results).family('slide', 'accuracy')
    mine = {t.shots: t.runs for t in tests if t.method == 'zeroshot'}
    assert mine == {1: 4, 4: 4, 'all': 2}
    assert {t.method for t in tests} == {'linear', 'abmil', 'zeroshot'}


def test_holm_is_over_all_comparisons_of_a_figure(written):
    results = read_results(written)
    runs = [
        replace(run, draw=draw)  # copies: as many draws as a test needs
        for run in results.runs
        for draw in ((run.draw, run.draw + 2, run.draw + 4) if run.draw else (0,))
    ]
    tests = summarise(replace(results, runs=runs)).family('slide', 'auroc')
    assert len(tests) == 9
    tests = [t for t in tests if t.tested]
    assert {t.shots for t in tests} == {1, 4}  # of all slides there is one choice
    smallest = min(tests, key=lambda t: t.p)
    assert smallest.adjusted == pytest.approx(min(1, len(tests) * smallest.p))
    ranked = sorted(tests, key=lambda t: t.p)
    assert all(a.adjusted <= b.adjusted for a, b in zip(ranked, ranked[1:]))


def test_a_calibration_error_has_no_interval_and_no_test(written):
    summary = summarise(read_results(written))
    for metric in ('ece', 'ece_debiased'):
        for cell in (c for key, c in summary.cells.items() if key[-1] == metric):
            assert cell.reason == 'biased'
            assert np.isnan(cell.value.low)
        assert not any(t.tested for t in summary.family('slide', metric))


def test_the_same_folder_gives_the_same_summary(written):
    results = read_results(written)
    assert repr(summarise(results)) == repr(summarise(results))


def test_runs_are_paired_by_draw_and_seed(tmp_path):
    labels = np.zeros(40, int)
    good, half = np.full(40, 0.1), np.where(np.arange(40) < 20, 0.1, 0.9)
    runs = {
        ('ref', 1, 1, 0): half,
        ('ref', 1, 1, 1): good,
        ('other', 1, 1, 1): good,
        ('other', 1, 1, 0): good,
    }
    test = _folder(tmp_path / 'o', runs, labels).tests['slide', 'other', 1, 'accuracy']
    assert test.runs == 2
    assert test.difference.estimate == pytest.approx((50 + 0) / 2)


def test_seeds_of_a_draw_are_not_as_many_draws(tmp_path, rng):
    # Five draws that differ, each with four seeds that do not: five things, not 20.
    labels, right = np.zeros(200, int), np.full(200, 0.2)
    runs, shares = {}, (0.3, 0.4, 0.5, 0.6, 0.7)
    for draw, share in enumerate(shares, 1):
        scores = np.where(rng.uniform(size=200) < share, 0.2, 0.8)
        for seed in range(4):
            runs['ref', 1, draw, seed] = scores
            runs['other', 1, draw, seed] = right
    runs['zero', None, 0, 0] = right
    summary = _folder(tmp_path / 'o', runs, labels, settings={'seeds': [0, 1, 2, 3]})
    expected = stats.t.ppf(0.975, 4) * stats.sem([100 * s for s in shares])
    for value in (
        summary.cells['slide', 'ref', 1, 'accuracy'].value,
        summary.tests['slide', 'other', 1, 'accuracy'].difference,
        summary.tests['slide', 'zero', 1, 'accuracy'].difference,
    ):
        half = (value.high - value.low) / 2
        assert half == pytest.approx(expected, rel=0.25)


def test_ten_patients_of_many_slides_are_ten(tmp_path):
    """All favour one method: an exact test of signs says 2 in 1024."""
    labels = np.zeros(40, int)
    runs = {('ref', 1, d, 0): np.full(40, 0.9) for d in range(1, 6)}
    runs.update({('other', 1, d, 0): np.full(40, 0.1) for d in range(1, 6)})
    patients = [f'p{i // 4}' for i in range(40)]
    summary = _folder(tmp_path / 'o', runs, labels, patients)
    test = summary.tests['slide', 'other', 1, 'accuracy']
    assert test.difference == (100, 100, 100)
    assert test.p == stats.binomtest(10, 10).pvalue
    assert summary.clusters == 10


def test_draws_that_share_slides_are_less_sure(tmp_path, rng):
    labels = np.zeros(40, int)
    runs = {
        (m, 1, d, 0): np.where(rng.uniform(size=40) < d / 8, 0.2, 0.8)
        for m in ('ref', 'other')
        for d in range(1, 6)
    }
    p = [
        _folder(tmp_path / str(share), runs, labels, settings=settings)
        .tests['slide', 'other', 1, 'accuracy']
        .p
        for share, settings in ((0, {}), (1, {'overlap': {'1': 0.5}}))
    ]
    assert p[0] < p[1]


def test_patches_go_with_their_slides_patient(tmp_path, rng):
    # Every patch has its slide's scores, so its interval is that of the slides.
    labels, patients = np.zeros(40, int), [f'p{i // 2}' for i in range(40)]
    out, scores = tmp_path / 'o', rng.uniform(size=40)
    runs, settings = {('m', 1, 1, 0): scores}, {'figures': ['nll']}
    _folder(out, runs, labels, patients, settings)
    (out / 'patches').mkdir()
    with (out / 'patches' / 'm-1-1-0.csv').open('w', newline='') as stream:
        writer = csv.writer(stream)
        writer.writerow(['file', 'slide', 'label', *TWO])
        for i in rng.permutation(np.repeat(np.arange(40), 3)):
            row = [f's{i:03d}_{stream.tell()}.jpg', f's{i:03d}', 'a']
            writer.writerow([*row, 1 - scores[i], scores[i]])
    cells = summarise(read_results(out)).cells
    slide, patch = (cells[level, 'm', 1, 'nll'].value for level in ('slide', 'patch'))
    assert patch == pytest.approx(slide, rel=1e-6)


@pytest.mark.parametrize(('others', 'star'), [(1, True), (5, False)])
def test_a_star_is_of_the_corrected_value(tmp_path, others, star):
    # 40 slides; each method is right on 6 more: Student's p is 0.012.
    labels, wrong = np.zeros(40, int), np.full(40, 0.9)
    right = np.where(np.arange(40) < 6, 0.1, 0.9)
    draws = range(1, 6)
    runs = {('ref', 1, d, 0): wrong for d in draws}
    runs.update({(f'o{i}', 1, d, 0): right for i in range(others) for d in draws})
    test = _folder(tmp_path / 'o', runs, labels).tests['slide', 'o0', 1, 'accuracy']
    p = stats.ttest_1samp((np.arange(40) < 6) * 1.0, 0).pvalue
    assert 0.01 < p < 0.05
    assert test.adjusted == pytest.approx(others * p, rel=1e-6)
    assert test.significant is star
