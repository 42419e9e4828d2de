"""Each start writes the record of a comparison, even if the old one is damaged."""

import json

import pytest

from cite.compare.folder import record


@pytest.mark.parametrize('text', ['{', '[]', '{}', '{"started": null}'])
def test_a_damaged_record_does_not_stop_a_start(tmp_path, text):
    (tmp_path / 'environment.json').write_text(text)
    environment = record._environment(tmp_path, 'config.py')
    assert environment['started'] == environment['continued']


def test_the_first_start_is_kept(tmp_path):
    text = json.dumps({'started': '2023-10-08T00:00:00+00:00'})
    (tmp_path / 'environment.json').write_text(text)
    environment = record._environment(tmp_path, 'config.py')
    assert environment['started'] == '2023-10-08T00:00:00+00:00'
