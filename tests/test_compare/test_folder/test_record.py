"""The record of a comparison is written anew at each start, whatever was there."""

import json

import pytest

from cite.compare.folder import record


@pytest.mark.parametrize('text', ['{', '[]', '{}', '{"started": null}'])
def test_a_damaged_record_does_not_stop_a_start(tmp_path, text):
    (tmp_path / 'environment.json').write_text(text)
    found = record._environment(tmp_path, 'config.py')
    assert found['started'] == found['continued']


def test_the_first_start_is_kept(tmp_path):
    text = json.dumps({'started': '2023-10-08T00:00:00+00:00'})
    (tmp_path / 'environment.json').write_text(text)
    found = record._environment(tmp_path, 'config.py')
    assert found['started'] == '2023-10-08T00:00:00+00:00'
