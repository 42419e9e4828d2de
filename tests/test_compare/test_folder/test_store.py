"""Rows that we did not write are not results, and name no files; what kills leave."""

import json

import pytest

from cite.compare.folder.store import Store, read_rows

KEYS = {'job': 'm', 'method': 'm', 'shots': None, 'draw': 0, 'seed': 0}
ROW = {**KEYS, 'figures': {}, 'digest': 'd'}


@pytest.fixture
def out(tmp_path):
    (tmp_path / 'predictions').mkdir()
    for path in (tmp_path / 'predictions' / 'm.csv', tmp_path / 'stranger.csv'):
        path.write_text('')
    return tmp_path


@pytest.mark.parametrize(
    'job', [[1], {'a': 1}, None, 3, '../stranger', '/m', 'a/b', '']
)
def test_a_job_that_is_not_a_name_is_not_a_result(out, job):
    rows = [{**ROW, 'job': job}, ROW]
    (out / 'results.jsonl').write_text(''.join(json.dumps(r) + '\n' for r in rows))
    store = Store(out)
    digests = {'m': 'd', '../stranger': 'd'}
    assert store.sort_results(digests) == {'m': ROW}
    store.close()
    assert read_rows(out / 'results.jsonl') == [ROW]
    assert read_rows(out / 'unused.jsonl') == []


def test_bytes_that_are_not_text_are_left_out(out):
    (out / 'results.jsonl').write_bytes(
        b'\xff\xfe\x00\n' + json.dumps(ROW).encode() + b'\n{"job": "\xff"}\n'
    )
    assert read_rows(out / 'results.jsonl') == [ROW]


def test_a_line_without_end_is_left_out(out):
    (out / 'results.jsonl').write_text('[' * 100_000 + '\n' + json.dumps(ROW) + '\n')
    assert read_rows(out / 'results.jsonl') == [ROW]


def test_a_failure_is_no_result_though_an_earlier_one_left_predictions(out):
    """A config that worked was changed into one that fails."""
    failed = {**KEYS, 'error': 'ValueError', 'digest': 'd'}
    (out / 'results.jsonl').write_text(json.dumps(failed) + '\n')
    store = Store(out)
    assert store.sort_results({'m': 'd'}) == {}
    store.close()


def test_a_file_that_cannot_be_written_leaves_the_old_one(out):
    store = Store(out)
    store.write_text('predictions/m.csv', 'old')
    with pytest.raises(UnicodeEncodeError):
        store.write_text('predictions/m.csv', 'new \ud800')
    assert (out / 'predictions/m.csv').read_text() == 'old'
    store.close()


@pytest.mark.parametrize('folder', ['.', 'predictions', 'patches', 'configs'])
def test_a_start_removes_files_that_a_kill_left_unfinished(out, folder):
    (out / folder).mkdir(exist_ok=True)
    unfinished = out / folder / 'm.csv.0a1b2c3d.partial'
    unfinished.write_text('half')
    Store(out).close()
    assert not unfinished.exists()
    assert (out / 'predictions/m.csv').is_file()


def test_files_of_a_running_comparison_are_left_alone(out):
    store = Store(out)
    unfinished = out / 'm.csv.0a1b2c3d.partial'
    unfinished.write_text('half')
    with pytest.raises(ValueError, match='already running'):
        Store(out)
    assert unfinished.exists()
    store.close()
