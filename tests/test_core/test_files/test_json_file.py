"""JSON from anyone ends in our error, with the file's name, and soon."""

import json
import time
from resource import RUSAGE_SELF, getrusage

import pytest

from cite.core.files.json_file import read_json, read_json_object


def test_json_is_read_as_it_is(tmp_path):
    (tmp_path / 'a.json').write_text('{"a": [1, 2.5, null, "\\u00fc\\ud83d\\ude00"]}')
    assert read_json(tmp_path / 'a.json') == {'a': [1, 2.5, None, 'ü😀']}


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'{',
        b'\xff\xfe',
        b'[' * 100_000,
        b'[' * 150 + b']' * 150,
        b'{"a":' * 150 + b'1' + b'}' * 150,
        b'9' * 100_000,
        b'"\\ud800"',
        b'{"\\udc00": 1}',
        b'{"a": 1} {"b": 2}',
    ],
    ids=range(10),
)
def test_anything_else_is_refused(tmp_path, data):
    (tmp_path / 'a.json').write_bytes(data)
    with pytest.raises(ValueError, match=r'a\.json is (not (JSON|text)|nested)'):
        read_json(tmp_path / 'a.json')


def test_a_large_file_is_not_read(tmp_path):
    with (tmp_path / 'a.json').open('wb') as file:
        file.truncate(1 << 30)
    with pytest.raises(ValueError, match=r'a\.json is too large'):
        read_json(tmp_path / 'a.json')
    with pytest.raises(FileNotFoundError, match=r'b\.json'):
        read_json(tmp_path / 'b.json')


@pytest.mark.parametrize('value', ['NaN', '-Infinity', '1e999', '[-1e400]'])
def test_a_number_of_an_object_is_finite(tmp_path, value):
    (tmp_path / 'a.json').write_text(f'{{"a": {value}}}')
    with pytest.raises(ValueError, match=r'not a number of JSON\.'):
        read_json_object(tmp_path / 'a.json', 'Again.')


MILLIONS = {
    'lists': '[' + '[],' * 5_000_000 + '[]]',
    'lists of one': '[' + '[0],' * 3_700_000 + '[0]]',
    'objects': '[' + '{},' * 5_000_000 + '{}]',
    'texts': '[' + '"",' * 5_000_000 + '""]',
    'numbers': '[' + '0,' * 7_500_000 + '0]',
    'keys': '{' + '"":0,' * 3_000_000 + '"":0}',
    'a text that is not closed': '"' + '\\"' * 7_500_000,
}


@pytest.mark.parametrize('kind', MILLIONS)
def test_millions_of_values_are_refused_before_they_are_made(tmp_path, kind):
    """They took a minute and two gigabytes."""
    file = tmp_path / 'a.json'
    file.write_text(MILLIONS[kind])
    start, before = time.process_time(), getrusage(RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r'a\.json is not JSON'):
        read_json(file)
    assert time.process_time() - start < 5
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


@pytest.mark.parametrize(
    'value',
    [
        'a, [b], {"c": \'d\'}: ' * 100_000,
        ['\\', '"', '\\"', '[' * 200, '\\\\'],
        [[[], {}], {'a': [], 'b': {'c': [0, 1]}, '': ''}],
    ],
)
def test_signs_within_texts_do_not_count(tmp_path, value):
    for options in ({}, {'indent': 4}, {'ensure_ascii': False}):
        (tmp_path / 'a.json').write_text(json.dumps(value, **options))
        assert read_json(tmp_path / 'a.json') == value


def test_an_outline_of_a_million_points_is_read(tmp_path):
    points = '[12345,6789],' * 1_000_000
    (tmp_path / 'a.json').write_text(f'[{points}[1,2]]')
    assert len(read_json(tmp_path / 'a.json')) == 1_000_001


def test_depth_counts_as_in_other_files(tmp_path):
    (tmp_path / 'a.json').write_text('[' * 100 + ']' * 100)
    assert len(read_json(tmp_path / 'a.json')) == 1
    (tmp_path / 'a.json').write_text('[' * 101 + ']' * 101)
    with pytest.raises(ValueError, match='nested too deeply, more than 100'):
        read_json(tmp_path / 'a.json')
