"""A comparison is run, stopped, changed and run again: which jobs run, what is left."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from tiny_compare import CLASSES, write_comparison

from cite.compare.folder.store import Store
from cite.compare.folder.write_result import write_result
from cite.compare.methods.task import JobResult
from cite.compare.plan.plan import make_plan
from cite.compare.run import list_jobs, run_comparison
from cite.engines import Outcome


def rows(out):
    lines = (out / 'results.jsonl').read_text().splitlines()
    return {row['job']: row for row in map(json.loads, lines)}


def files(out):
    """Return the contents that must be the same after any history."""
    kept = {
        str(path.relative_to(out)): path.read_bytes()
        for folder in ('predictions', 'patches', 'configs')
        for path in (out / folder).iterdir()
    }
    results = [
        {k: v for k, v in row.items() if k != 'seconds'} for row in rows(out).values()
    ]
    return {**kept, 'results': json.dumps(results)}


def run(config, out):
    return run_comparison(config, out, progress=False)


@pytest.fixture(scope='module')
def finished(compare_data, tmp_path_factory):
    """Run the comparison once, in one worker; returns its config and folder."""
    folder = tmp_path_factory.mktemp('finished')
    config = write_comparison(compare_data, folder)
    assert run_comparison(config, folder / 'out', jobs=1, progress=False) == {}
    return config, folder / 'out'


def test_every_job_has_a_line_with_all_figures(finished):
    _, out = finished
    by_job = rows(out)
    assert len(by_job) == 10
    names = [
        f'{name}-{shots}-seed0'
        for name in ('cite', 'linear', 'mean')
        for shots in ('1shot-draw1', '1shot-draw2', 'allshot-draw0')
    ]
    assert {*by_job} == {'zero', *names}
    row = by_job['cite-1shot-draw2-seed0']
    known = {'method': 'cite', 'shots': 1, 'draw': 2, 'seed': 0}
    assert {key: row[key] for key in known} == known
    assert by_job['zero']['shots'] is None
    assert {'accuracy', 'bag_nll', 'bag_kappa', 'ece'} <= {*row['figures']}


def test_predictions_are_the_patches_means_and_give_the_figures(finished):
    _, out = finished
    job = 'linear-allshot-draw0-seed0'
    with (out / f'patches/{job}.csv').open() as file:
        patches = list(csv.DictReader(file))
    with (out / f'predictions/{job}.csv').open() as file:
        slides = list(csv.DictReader(file))
    assert len(patches) == 18
    assert [row['patches'] for row in slides] == ['3'] * 6
    scores = []
    for row in slides:
        mine = [
            [float(p[c]) for c in CLASSES]
            for p in patches
            if p['slide'] == row['slide']
        ]
        scores.append([float(row[c]) for c in CLASSES])
        np.testing.assert_allclose(scores[-1], np.mean(mine, axis=0), atol=1e-9)
    labels = [CLASSES.index(row['label']) for row in slides]
    figures = rows(out)[job]['figures']
    predicted = np.argmax(scores, axis=1)
    assert figures['bag_accuracy'] == pytest.approx(
        100 * accuracy_score(labels, predicted)
    )
    assert figures['bag_mean_accuracy'] == pytest.approx(
        100 * balanced_accuracy_score(labels, predicted)
    )
    assert figures['bag_nll'] == pytest.approx(log_loss(labels, scores))


def test_the_folder_says_what_was_compared(finished):
    _, out = finished
    comparison = json.loads((out / 'comparison.json').read_text())
    assert comparison['classes'] == CLASSES
    assert comparison['methods']['cite']['label'] == 'CITE'
    assert comparison['patients'] is False
    environment = json.loads((out / 'environment.json').read_text())
    assert {'torch', 'mmcls', 'cite'} <= {*environment['versions']}
    assert 'PromptedCLIPImageBackbone' in (out / 'configs/cite.py').read_text()


def test_a_second_start_runs_nothing_and_changes_nothing(finished, engine):
    config, out = finished
    before = files(out)
    assert run(config, out) == {}
    assert engine.ran == []
    assert files(out) == before


def test_jobs_in_another_process_and_order_give_the_same_bits(
    finished, engine, tmp_path
):
    config, out = finished
    run(config, tmp_path / 'again')
    assert len(engine.ran) == 10
    assert files(tmp_path / 'again') == files(out)


def test_only_what_is_missing_or_out_of_date_runs(compare_data, engine, tmp_path):
    methods = write_comparison(compare_data, tmp_path, shots=[1], draws=1)
    out = tmp_path / 'out'
    run(methods, out)
    assert engine.ran == [
        'zero',
        *(f'{m}-1shot-draw1-seed0' for m in ('cite', 'linear', 'mean')),
    ]
    (out / 'predictions/zero.csv').unlink()
    config = tmp_path / 'configs/cite.py'
    config.write_text(config.read_text().replace("'max_iters': 2", "'max_iters': 1"))
    engine.ran.clear()
    assert 'out of date' in list_jobs(methods, out)
    run(methods, out)
    assert engine.ran == ['zero', 'cite-1shot-draw1-seed0']
    write_comparison(compare_data, tmp_path / 'more', shots=[1, 2], draws=1)
    engine.ran.clear()
    text = Path(methods).read_text().replace('shots = [1]', 'shots = [1, 2]')
    Path(methods).write_text(text)
    run(methods, out)
    assert engine.ran == [f'{m}-2shot-draw1-seed0' for m in ('cite', 'linear', 'mean')]
    # In the plan's order, not that in which they ran.
    assert [*rows(out)] == [
        'zero',
        *(
            f'{m}-{k}shot-draw1-seed0'
            for m in ('cite', 'linear', 'mean')
            for k in (1, 2)
        ),
    ]


def test_a_method_taken_out_and_put_back_is_not_run_again(
    compare_data, engine, tmp_path
):
    config = Path(write_comparison(compare_data, tmp_path, shots=['all']))
    whole, out = config.read_text(), tmp_path / 'out'
    run(str(config), out)
    start, rest = whole.split("'mean': {", 1)
    config.write_text(start + '}' + rest.split('}}', 1)[1])
    run(str(config), out)
    assert [*rows(out)] == [
        'zero',
        *(f'{m}-allshot-draw0-seed0' for m in ('cite', 'linear')),
    ]
    engine.ran.clear()
    config.write_text(whole)
    run(str(config), out)
    assert engine.ran == []
    assert 'mean-allshot-draw0-seed0' in rows(out)


def test_a_job_that_fails_is_reported_and_tried_again(compare_data, engine, tmp_path):
    methods = write_comparison(compare_data, tmp_path, shots=['all'])
    config = tmp_path / 'configs/linear.py'
    good = config.read_text()
    config.write_text(good.replace("'in_channels': 16", "'in_channels': 15"))
    failed = run(methods, tmp_path / 'out')
    assert [*failed] == ['linear-allshot-draw0-seed0']
    by_job = rows(tmp_path / 'out')
    assert len(by_job) == 4  # the others are in it
    assert 'figures' not in by_job['linear-allshot-draw0-seed0']
    log = tmp_path / 'out/jobs/linear-allshot-draw0-seed0/log.txt'
    assert 'Traceback' in log.read_text()
    config.write_text(good)
    engine.ran.clear()
    assert run(methods, tmp_path / 'out') == {}
    assert 'linear-allshot-draw0-seed0' in engine.ran
    assert 'zero' not in engine.ran


def test_a_worker_that_dies_takes_one_job_with_it(compare_data, tmp_path):
    methods = write_comparison(compare_data, tmp_path, shots=['all'], draws=1)
    config = tmp_path / 'configs/zeroshot.py'
    dies = 'import multiprocessing\nif multiprocessing.parent_process(): os._exit(7)\n'
    config.write_text('import os\n' + dies + config.read_text())
    failed = run_comparison(methods, tmp_path / 'out', jobs=1, progress=False)
    assert failed == {'zero': 'its process died (exit code 7)'}
    assert len(rows(tmp_path / 'out')) == 4


def test_a_half_written_line_is_no_result(finished, engine, tmp_path):
    config, finished_out = finished
    out = tmp_path / 'out'
    out.mkdir()
    lines = (finished_out / 'results.jsonl').read_text().splitlines(keepends=True)
    (out / 'results.jsonl').write_text(''.join(lines[:3]) + lines[3][:40])
    (out / 'predictions').symlink_to(finished_out / 'predictions')
    store = Store(out)
    held = store.sort_results(make_plan(config).digests)
    store.close()
    assert len(held) == 3
    assert (out / 'results.jsonl').read_text() == ''.join(lines[:3])


def test_two_starts_in_one_folder_do_not_mix(finished, tmp_path):
    config, _ = finished
    store = Store(tmp_path)
    with pytest.raises(ValueError, match='already running a comparison there'):
        run(config, tmp_path)
    store.close()


def test_a_slide_on_both_sides_is_refused(compare_data, engine, tmp_path):
    ann = tmp_path / 'ann'
    ann.mkdir()
    for file in (compare_data / 'gastric_cls3_ann').iterdir():
        (ann / file.name).write_text(file.read_text())
    leaked = (ann / 'val_0.5.txt').read_text().split('\n')[0]
    with (ann / 'train_1_0.5_draw2.txt').open('a') as file:
        file.write(leaked + '\n')
    config = write_comparison(compare_data, tmp_path, ann_root=f'{ann}/')
    with pytest.raises(ValueError, match=r'draw2\.txt:10.*trained on and tested on'):
        run(config, tmp_path / 'out')
    assert engine.ran == []
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('column', ['patient', 'case'])
def test_a_patient_on_both_sides_is_refused(compare_data, engine, tmp_path, column):
    table = (compare_data / 'captions.csv').read_text().splitlines()
    (tmp_path / 'captions.csv').write_text(
        '\n'.join([table[0] + f',{column}', *(f'{row},everybody' for row in table[1:])])
    )
    changes = {'captions': str(tmp_path / 'captions.csv'), 'patient': column}
    config = write_comparison(compare_data, tmp_path, **changes)
    with pytest.raises(ValueError, match='belongs to patient everybody'):
        run(config, tmp_path / 'out')
    assert engine.ran == []


def test_a_dry_run_lists_jobs_and_their_time_and_writes_nothing(
    finished, compare_data, tmp_path
):
    config, out = finished
    fresh = list_jobs(config, tmp_path / 'none')
    assert fresh.count('missing') == 10
    assert 'unknown time (10 jobs)' in fresh
    assert not (tmp_path / 'none').exists()
    assert '10 of 10 jobs done' in list_jobs(config, out)
    text = Path(config).read_text()
    longer = Path(config).with_name('longer.py')
    longer.write_text(text.replace('draws = 2', 'draws = 3'))
    listed = list_jobs(str(longer), out)
    assert '10 of 13 jobs done' in listed
    seconds = [r['seconds'] for r in rows(out).values() if r['method'] == 'cite']
    expected = f'{np.mean(seconds):.1f} s'
    line = next(x for x in listed.split('\n') if 'cite-1shot-draw3' in x)
    assert line.split()[1:3] == expected.split()


def test_a_slide_whose_patient_is_unknown_is_refused(compare_data, engine, tmp_path):
    table = (compare_data / 'captions.csv').read_text().splitlines()
    known = [f'{row},p{i}' for i, row in enumerate(table[2:])]
    text = '\n'.join([table[0] + ',patient', *known])
    (tmp_path / 'captions.csv').write_text(text)
    config = write_comparison(
        compare_data, tmp_path, captions=str(tmp_path / 'captions.csv')
    )
    with pytest.raises(ValueError, match='their patient is unknown'):
        run(config, tmp_path / 'out')
    assert engine.ran == []


def test_patches_of_a_method_that_now_scores_slides_are_gone(compare_data, tmp_path):
    """The old patches are those of an earlier method with the same name."""
    plan = make_plan(write_comparison(compare_data, tmp_path, shots=['all']))
    store = Store(tmp_path / 'out')
    job = plan.jobs[-1]
    file = tmp_path / f'out/patches/{job.name}.csv'
    patches, slides = np.full((18, 3), 1 / 3), np.full((6, 3), 1 / 3)
    for result, exists in (
        (JobResult(job.name, patches=patches), True),
        (JobResult(job.name, slides=slides), False),
    ):
        write_result(store, plan.comparison, job, 'digest', result)
        assert file.is_file() is exists
    store.close()


def test_nobody_else_has_the_folder_while_jobs_run(
    compare_data, engine, monkeypatch, tmp_path
):
    config, out = (
        write_comparison(compare_data, tmp_path, shots=['all']),
        tmp_path / 'o',
    )

    def start_another(tasks, *_):
        with pytest.raises(ValueError, match='already running a comparison there'):
            Store(out)
        yield from (Outcome(task, error='not run') for task in tasks)

    monkeypatch.setattr(engine, 'run', start_another)
    assert len(run(config, out)) == 4
    Store(out).close()  # it is free again


def test_a_job_has_no_line_before_its_predictions(compare_data, monkeypatch, tmp_path):
    """After a kill between the two, older predictions would count as the job's."""
    plan = make_plan(write_comparison(compare_data, tmp_path, shots=['all']))
    store = Store(tmp_path / 'out')

    def disk_is_full(name, text):
        raise OSError(name)

    monkeypatch.setattr(store, 'write_text', disk_is_full)
    result = JobResult(plan.jobs[-1].name, slides=np.full((6, 3), 1 / 3))
    with pytest.raises(OSError, match='predictions/'):
        write_result(store, plan.comparison, plan.jobs[-1], 'digest', result)
    store.close()
    assert not (tmp_path / 'out/results.jsonl').exists()


def test_patients_that_become_known_later_need_no_new_run(
    compare_data, engine, monkeypatch, tmp_path
):
    table = (compare_data / 'captions.csv').read_text().splitlines()
    captions = tmp_path / 'captions.csv'
    captions.write_text('\n'.join(table))
    changes = {'captions': str(captions), 'shots': ['all']}
    config, out = write_comparison(compare_data, tmp_path, **changes), tmp_path / 'out'
    ran = []

    def undecided(tasks, *_):
        ran.extend(task.name for task in tasks)
        slides = np.full((6, 3), 1 / 3)
        yield from (
            Outcome(task, JobResult(task.name, slides=slides)) for task in tasks
        )

    monkeypatch.setattr(engine, 'run', undecided)
    run(config, out)
    before = {p: p.read_bytes() for p in (out / 'predictions').iterdir()}
    assert len(before) == 4
    owner = {row.split(',')[0]: f'p{i}' for i, row in enumerate(table[1:])}
    known = [f'{row},{owner[row.split(",")[0]]}' for row in table[1:]]
    captions.write_text('\n'.join([f'{table[0]},patient', *known]))
    ran.clear()
    run(config, out)
    assert ran == []
    for path in before:
        with path.open() as file:
            patients = {row['slide']: row['patient'] for row in csv.DictReader(file)}
        assert patients == {slide: owner[slide] for slide in patients}
    captions.write_text('\n'.join(table))
    run(config, out)
    assert {path: path.read_bytes() for path in before} == before
