"""JSON from anyone ends in our error, with the file's name, and soon."""

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
