"""Which jobs there are, and when one is out of date."""

from pathlib import Path

import pytest
from tiny_compare import method_configs, write_comparison

from cite.apis.run_identity import path_contents
from cite.compare.plan import plan as plan_module
from cite.compare.plan.estimate import Estimate
from cite.compare.plan.plan import Job, job_digest, job_inputs, make_plan, plan_jobs
from cite.compare.plan.read_config import read_comparison


@pytest.fixture
def compare(compare_data, tmp_path):
    """Return a function that reads the comparison with other values."""
    return lambda **changes: read_comparison(
        write_comparison(compare_data, tmp_path, **changes)
    )


def counts(jobs):
    found = {}
    for job in jobs:
        found[job.method] = found.get(job.method, 0) + 1
    return found


def test_one_test_of_zero_shot_and_shots_x_draws_x_seeds_of_others(compare):
    jobs = plan_jobs(compare(shots=[1, 2, 'all'], draws=3, seeds=[0, 1]))
    # (2 shots x 3 draws + all once) x 2 seeds
    assert counts(jobs) == {'zero': 1, 'cite': 14, 'linear': 14, 'mean': 14}
    assert len({job.name for job in jobs}) == 43
    assert Job('cite', 2, 3, 1) in jobs
    assert Job('cite', 'all', 0, 1) in jobs


def test_without_draws_the_largest_slides_are_taken(compare):
    jobs = plan_jobs(compare(shots=[1, 2], draws=0, seeds=[5]))
    mine = [job.name for job in jobs if job.method == 'cite']
    assert mine == ['cite-1shot-draw0-seed5', 'cite-2shot-draw0-seed5']


def test_a_method_may_have_fewer_draws(compare):
    comparison = compare(shots=[1, 'all'], draws=3)
    comparison.methods['cite'].draws = 1
    assert counts(plan_jobs(comparison))['cite'] == 2
    assert counts(plan_jobs(comparison))['linear'] == 4


def test_the_first_draw_of_every_method_comes_before_any_second(compare):
    jobs = [j for j in plan_jobs(compare(draws=2)) if j.shots == 1]
    assert [j.draw for j in jobs] == [1, 1, 1, 2, 2, 2]


def test_jobs_name_their_draw(compare, compare_data):
    inputs = job_inputs(compare(), Job('cite', 1, 2, 0))
    ann = compare_data / 'gastric_cls3_ann'
    assert inputs.files['train'] == str(ann / 'train_1_0.5_draw2.txt')
    assert inputs.files['val'] == str(ann / 'val_0.5.txt')


def test_a_missing_draw_says_how_to_make_it(compare):
    with pytest.raises(FileNotFoundError, match=r'draw9\.txt.*--draws'):
        job_inputs(compare(), Job('cite', 1, 9, 0))


JOB = Job('cite', 1, 1, 0)


def digest(comparison, job=JOB):
    return job_digest(job_inputs(comparison, job))


def test_a_label_or_other_methods_change_no_digest(compare):
    before = digest(compare())
    comparison = compare(shots=[1, 2, 'all'], draws=3, reference='mean')
    comparison.methods['cite'].label = 'Another'
    assert digest(comparison) == before


def test_settings_change_the_digest(compare):
    before = digest(compare())
    assert digest(compare(options={'optimizer.lr': 0.5})) != before
    comparison = compare()
    comparison.methods['cite'].features = 2
    assert digest(comparison) != before
    assert digest(compare(), Job('cite', 1, 1, 1)) != before


def test_files_change_the_digest(compare_data, tmp_path):
    path = Path(write_comparison(compare_data, tmp_path, ann_root=str(tmp_path)))
    for name in ('train_1_0.5_draw1.txt', 'val_0.5.txt'):
        text = (compare_data / 'gastric_cls3_ann' / name).read_text()
        (tmp_path / name).write_text(text)
    comparison = read_comparison(path)
    before = digest(comparison)
    (tmp_path / 'val_0.5.txt').write_text(text.split('\n', 1)[1])
    assert digest(comparison) != before
    (tmp_path / 'train_all_0.5.txt').write_text(text)  # features are computed for all
    pooled = digest(comparison)
    (tmp_path / 'train_all_0.5.txt').write_text(text.split('\n', 1)[1])
    assert before != digest(comparison) != pooled
    (tmp_path / 'train_all_0.5.txt').unlink()
    config = tmp_path / 'configs/cite.py'
    (tmp_path / 'val_0.5.txt').write_text(text)
    assert digest(comparison) == before
    config.write_text(config.read_text().replace("'max_iters': 2", "'max_iters': 3"))
    assert digest(comparison) != before


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'methods': {}}, 'nothing to compare'),
        ({'reference': 'none'}, 'is not one of the methods'),
        ({'figures': ['speed']}, 'choose among'),
        ({'shots': [0]}, "numbers or 'all'"),
        ({'seeds': []}, 'seeds need values'),
        ({'seeds': 3}, 'seeds=3; give a list'),
        ({'draws': 'five'}, "draws='five'; give a number"),
        ({'captions': None, 'patient': 'p'}, 'name the table with captions'),
        ({'classes': ['a', 'label', 'c']}, 'columns of the predictions'),
        ({'classes': ['a', 'b', 'a']}, 'each needs a name of its own'),
    ],
)
def test_a_config_without_sense_says_so(compare, changes, message):
    with pytest.raises(ValueError, match=message):
        compare(**changes)


def test_a_misspelt_key_of_the_comparison_is_an_error(compare_data, tmp_path):
    path = Path(write_comparison(compare_data, tmp_path))
    path.write_text(path.read_text().replace('seeds = ', 'seed = '))
    with pytest.raises(ValueError, match=r'seed is not a key. Did you mean seeds'):
        read_comparison(path)


def test_a_column_called_patient_is_found(compare, compare_data, tmp_path):
    rows = (compare_data / 'captions.csv').read_text().splitlines()
    table = [rows[0] + ',patient', *(f'{row},p{i}' for i, row in enumerate(rows[1:]))]
    (tmp_path / 'table.csv').write_text('\n'.join(table))
    assert compare(patient=None).patients == {}
    comparison = compare(captions=str(tmp_path / 'table.csv'))
    assert len({*comparison.patients.values()}) == len(rows) - 1
    table[0] = table[0].replace('patient', 'case')
    (tmp_path / 'table.csv').write_text('\n'.join(table))
    named = compare(captions=str(tmp_path / 'table.csv'), patient='case')
    assert named.patients == comparison.patients


def test_the_patches_are_looked_at_once_for_all_jobs(
    compare_data, tmp_path, monkeypatch
):
    looked = []

    def look(path):
        looked.append(path.name)
        return path_contents(path)

    monkeypatch.setattr(plan_module, 'path_contents', look)
    plan = make_plan(write_comparison(compare_data, tmp_path, draws=2))
    assert len({*plan.digests.values()}) == len(plan.jobs) == 10
    assert looked.count('patches_captions') == 1


@pytest.mark.parametrize('key', ['feature', 'steps'])
def test_a_misspelt_key_of_a_method_is_an_error(compare_data, tmp_path, key):
    path = Path(write_comparison(compare_data, tmp_path))
    path.write_text(f"{path.read_text()}\nmethods['cite']['{key}'] = 4\n")
    with pytest.raises(
        ValueError, match=rf'methods\.cite\.{key} is not a key.*features'
    ):
        read_comparison(path)


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('options', {'optimizer.lr': 0.5}),
        ('settings', {'steps': 9}),
        ('type', 'nearest_mean'),
    ],
)
def test_what_a_methods_line_says_changes_its_digest_and_no_others(compare, key, value):
    comparison = compare()
    jobs = [Job(method, 1, 1, 0) for method in ('cite', 'linear')]
    before = [digest(comparison, job) for job in jobs]
    setattr(comparison.methods['cite'], key, value)
    after = [digest(comparison, job) for job in jobs]
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_file_that_the_config_names_changes_the_digest(compare, tmp_path):
    weights = tmp_path / 'weights.pth'
    weights.write_bytes(b'one')
    comparison = compare(options={'load_from': str(weights)})
    before = digest(comparison)
    weights.write_bytes(b'two')
    assert digest(comparison) != before


@pytest.mark.parametrize(
    ('methods', 'time'),
    [
        (['a', 'a'], '1 min'),
        (['a', 'a', 'b'], '1 min and 1 job of unknown time'),
        (['a', 'a', 'b', 'b'], '1 min and 2 jobs of unknown time'),
        (['b'], 'unknown time (1 job)'),
        ([], '0.0 s'),
    ],
)
def test_jobs_of_unknown_time_are_counted(methods, time):
    estimate = Estimate([{'method': 'a', 'seconds': 60}, {'method': 'b', 'error': ''}])
    assert estimate.all(methods, slots=2) == time


def test_two_jobs_of_one_name_are_refused(compare_data, tmp_path):
    paths = method_configs(compare_data, tmp_path / 'configs')
    trained = {'config': paths['linear']}
    untrained = {'config': paths['zeroshot'], 'trained': False}
    for number, (changes, said) in enumerate(
        [
            (
                {'methods': {'a': trained, 'a-1shot-draw0-seed0': untrained}},
                'two jobs are called a-1shot-draw0-seed0: the methods a-1shot',
            ),
            ({'methods': {'a': trained}, 'seeds': [0, 0]}, 'listed twice'),
            ({'methods': {'a': trained}, 'shots': [1, 1]}, 'listed twice'),
            ({'methods': {'a' * 300: trained}}, 'at most 200'),
            ({'methods': {'a' * 190: trained}}, 'too long for the name of a file'),
            ({'methods': {'ü' * 150: trained}}, 'at most 200'),
        ]
    ):
        settings = {'shots': [1], 'draws': 0, **changes}
        settings['reference'] = next(iter(settings['methods']))
        file = write_comparison(compare_data, tmp_path / str(number), **settings)
        with pytest.raises(ValueError, match=said):
            make_plan(file)
