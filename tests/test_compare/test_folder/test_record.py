"""Each start writes the record of a comparison, even if the old one is damaged."""

import json

import pytest
from mmcv import Config

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


def test_a_written_config_is_read_as_it_was(tmp_path):
    values = {
        'model': {'type': 'A', 'texts': ["it's", 'a "b"\n'], 'pair': (1, None)},
        'data': {
            'train': {'pipeline': [{'type': 'B' * 60, 'size': 224, 'p': 0.1}] * 3}
        },
        'seed': 0,
        'load_from': None,
    }
    (tmp_path / 'config.py').write_text(record.config_text(values))
    read = Config.fromfile(str(tmp_path / 'config.py'))
    assert read._cfg_dict.to_dict() == values
    assert [*read.model] == ['type', 'texts', 'pair']
