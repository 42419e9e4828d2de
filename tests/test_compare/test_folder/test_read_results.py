import json
import re

import pytest
from made_up_comparison import make_comparison

from cite.compare.folder.read_results import read_results


@pytest.fixture
def out(tmp_path):
    methods = ('cite', 'linear')
    return make_comparison(
        tmp_path / 'out', slides=8, methods=methods, shots=(1,), draws=2, seeds=1
    )


def _append(out, text):
    with (out / 'results.jsonl').open('a') as stream:
        stream.write(text)


def test_what_is_read_is_what_was_written(out):
    results = read_results(out)
    assert [r.job for r in results.runs] == [
        'cite-1shot-draw1-seed0',
        'cite-1shot-draw2-seed0',
        'linear-1shot-draw1-seed0',
    ]
    assert results.failures == [
        ('linear-1shot-draw2-seed0', 'RuntimeError: loss is NaN')
    ]
    assert results.methods == {'cite': 'CITE', 'linear': 'Linear probe'}
    assert results.shots == [1]
    lines = (out / 'predictions' / 'linear-1shot-draw1-seed0.csv').read_text()
    slide, patient, label, _, *scores = lines.splitlines()[3].split(',')
    assert results.slides[2] == slide
    assert results.patients[2] == patient
    assert results.classes[results.labels[2]] == label
    assert results.runs[2].scores[2].tolist() == [float(x) for x in scores]


def test_the_order_of_the_lines_does_not_matter(out):
    path = out / 'predictions' / 'cite-1shot-draw1-seed0.csv'
    before = read_results(out).runs[0].scores
    head, *lines = path.read_text().splitlines()
    path.write_text('\n'.join([head, *reversed(lines)]) + '\n')
    assert (read_results(out).runs[0].scores == before).all()


def test_the_last_line_of_a_job_counts(out):
    line = json.loads((out / 'results.jsonl').read_text().splitlines()[0])
    job = line['job']
    _append(out, json.dumps({**line, 'error': 'OSError: disk full'}) + '\n')
    results = read_results(out)
    assert job not in [r.job for r in results.runs]
    assert (job, 'OSError: disk full') in results.failures


def test_a_line_that_a_kill_cut_short_is_passed_over(out):
    _append(out, '{"job": "cite-1shot-dr')
    assert len(read_results(out).runs) == 3
    _append(out, '\n')
    with pytest.raises(
        ValueError, match=r'results\.jsonl:5: this is not a line of a job'
    ):
        read_results(out)


def test_jobs_that_the_settings_no_longer_name_are_left_out(out):
    settings = json.loads((out / 'comparison.json').read_text())
    del settings['methods']['linear']
    (out / 'comparison.json').write_text(json.dumps({**settings, 'draws': 1}))
    results = read_results(out)
    assert [r.job for r in results.runs] == ['cite-1shot-draw1-seed0']
    assert results.failures == []


def test_patients_are_resampled_together_and_slides_where_unknown(out):
    results = read_results(out)
    object.__setattr__(results, 'patients', results.patients.copy())
    results.patients[:] = ['P1', 'P1', '', '', 'P2', 's2', 's3', '']
    clusters = results.clusters
    assert clusters[0] == clusters[1]
    assert len(set(clusters)) == 7


def _edit(path, old, new):
    path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('s0003', 's9999', 'not tested on the same'),
        ('s0007', 's9999', 'in the column slide'),
        ('s0003,P', 's0003,Q', 'in the column patient'),
        ('slide,patient', 'slide,person', r"the columns \['patient'\] are missing"),
        (',Poorly differentiated,', ',Well differentiated,', 'in the column label'),
    ],
)
def test_a_file_that_does_not_fit_is_named(out, old, new, message):
    path = out / 'predictions' / 'linear-1shot-draw1-seed0.csv'
    _edit(path, old, new)
    with pytest.raises(ValueError, match=message):
        read_results(out)


def test_a_probability_that_is_none_is_refused(out):
    path = out / 'predictions' / 'cite-1shot-draw1-seed0.csv'
    lines = path.read_text().splitlines()
    lines[2] = ','.join([*lines[2].split(',')[:-1], ''])
    path.write_text('\n'.join(lines))
    with pytest.raises(ValueError, match='a probability is missing'):
        read_results(out)


def test_a_missing_file_is_named_with_the_remedy(out):
    (out / 'predictions' / 'cite-1shot-draw1-seed0.csv').unlink()
    with pytest.raises(
        FileNotFoundError, match=r'draw1-seed0\.csv.*cite compare` again'
    ):
        read_results(out)


def test_nothing_finished_is_said(out):
    (out / 'results.jsonl').write_text('')
    with pytest.raises(ValueError, match='no job is finished'):
        read_results(out)


DEEP = b'[' * 100_000
GOOD = 'cite-1shot-draw1-seed0'


def _without(out, key):
    settings = json.loads((out / 'comparison.json').read_text())
    return json.dumps({k: v for k, v in settings.items() if k != key})


@pytest.mark.parametrize(
    'text', [b'', b'{', b'[]', b'null', DEEP, b'\xff'], ids=[*'012345']
)
@pytest.mark.parametrize('name', ['comparison.json', 'environment.json'])
def test_a_damaged_record_is_named_with_the_remedy(out, name, text):
    (out / name).write_bytes(text)
    with pytest.raises(ValueError, match=rf'{name}.*cite compare` again'):
        read_results(out)


@pytest.mark.parametrize(
    'change',
    [
        {'classes': None},
        {'classes': 'ab'},
        {'classes': [1, 2, 3]},
        {'methods': ['cite']},
        {'methods': {'cite': 'CITE'}},
        {'methods': {'cite': {}}},
        {'shots': 3},
        {'shots': [[1]]},
        {'seeds': None},
        {'draws': 'many'},
        {'reference': 'nobody'},
        {'figures': 3},
        {'data_prefix': 3},
        {'title': None},
        {'title': '\ud800'},
        {'figures': []},
        {'seeds': []},
        {'draws': -1},
        {'draws': 10**30},
        {'classes': ['a', 'slide']},
        {'methods': {'a' * 300: {'label': 'A'}}},
    ],
    ids=str,
)
def test_settings_of_other_kinds_of_values_are_refused(out, change):
    (key,) = change
    settings = json.loads((out / 'comparison.json').read_text())
    for text in (json.dumps({**settings, **change}), _without(out, key)):
        (out / 'comparison.json').write_text(text)
        named = rf'comparison\.json.*({key}|half of a char).*cite compare` again'
        with pytest.raises(ValueError, match=named):
            read_results(out)


@pytest.mark.parametrize(
    'change',
    [
        {'shots': ...},
        {'seed': ...},
        {'draw': 'x'},
        {'shots': [1]},
        {'method': 3},
        {'job': [1]},
        {'job': None},
        {'job': '../predictions/cite-1shot-draw1-seed0'},
        {'seconds': 'long'},
        {'error': 3},
    ],
    ids=str,
)
def test_a_line_of_no_job_is_named_with_the_remedy(out, change):
    path = out / 'results.jsonl'
    lines = path.read_text().splitlines()
    row = {**json.loads(lines[1]), **change}
    lines[1] = json.dumps({k: v for k, v in row.items() if v is not ...})
    path.write_text('\n'.join(lines) + '\n')
    with pytest.raises(
        ValueError, match=r'results\.jsonl:2: this is not a line of a job.*again'
    ):
        read_results(out)


@pytest.mark.parametrize('method', ['../cite', 'a/b', '', '.', '/etc/x'])
def test_a_method_s_name_makes_no_path(out, method):
    settings = json.loads((out / 'comparison.json').read_text())
    settings['methods'][method] = settings['methods']['cite']
    (out / 'comparison.json').write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r'comparison\.json: .*methods.*again'):
        read_results(out)


@pytest.mark.parametrize(
    'spoil',
    [
        lambda text: text + b'x,y,z,1,2,3,4,5,6,7,8\n',
        lambda text: b'',
        lambda text: b'\xff\xfe\x00',
        lambda text: text.replace(b',0.', b',zz.', 1),
        lambda text: re.sub(rb',(\d+),', b',many,', text, count=1),
        lambda text: re.sub(rb',(\d+),', b',inf,', text, count=1),
        lambda text: text[:20] + b'"' + text[20:],
        lambda text: text.splitlines(True)[0],
    ],
    ids=[
        'ragged',
        'empty',
        'binary',
        'text',
        'count',
        'infinite',
        'quote',
        'no slides',
    ],
)
def test_a_table_that_cannot_be_read_is_named_with_the_remedy(out, spoil):
    path = out / 'predictions' / f'{GOOD}.csv'
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=rf'{GOOD}\.csv: .*cite compare` again'):
        read_results(out)


def test_the_order_of_the_patches_does_not_matter(out):
    results = read_results(out)
    before = results.patches(results.runs[0])
    path = out / 'patches' / f'{GOOD}.csv'
    head, *lines = path.read_text().splitlines()
    path.write_text('\n'.join([head, *reversed(lines)]) + '\n')
    after = read_results(out).patches(results.runs[0])
    assert (after.files == before.files).all()
    assert (after.slide == before.slide).all()
    assert (after.scores == before.scores).all()


def test_patches_of_another_slide_are_refused(out):
    results = read_results(out)
    _edit(out / 'patches' / f'{GOOD}.csv', ',s0003,', ',s9999,')
    with pytest.raises(ValueError, match='s9999 is not one of the test slides'):
        results.patches(results.runs[0])


def test_runs_go_as_in_the_config_not_as_they_ended(out):
    settings = json.loads((out / 'comparison.json').read_text())
    settings['methods'] = dict(reversed(settings['methods'].items()))
    (out / 'comparison.json').write_text(json.dumps(settings))
    path = out / 'results.jsonl'
    path.write_text('\n'.join(reversed(path.read_text().splitlines())) + '\n')
    assert [run.job for run in read_results(out).runs] == [
        'linear-1shot-draw1-seed0',
        'cite-1shot-draw1-seed0',
        'cite-1shot-draw2-seed0',
    ]


@pytest.mark.parametrize(
    'change',
    [
        {'seconds': 10**400},
        {'seconds': float('nan')},
        {'seconds': True},
        {'job': 'a' * 5000},
        {'job': '../a'},
        {'error': '\ud800'},
        {'seed': 10**400},
        {'figures': [1]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_line_that_no_job_writes_is_named(out, change):
    rows = [json.loads(row) for row in (out / 'results.jsonl').read_text().splitlines()]
    lines = [json.dumps({**rows[0], **change}), *map(json.dumps, rows)]
    (out / 'results.jsonl').write_text('\n'.join(lines) + '\n')
    with pytest.raises(ValueError, match=r'results\.jsonl:1: this is not a line'):
        read_results(out)
