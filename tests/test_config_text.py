"""A config is formatted in parts, and its text is the one that yapf makes of it."""

from pathlib import Path

import pytest
from config_text import format_code
from mmcv import Config
from yapf.yapflib.errors import YapfError
from yapf.yapflib.yapf_api import FormatCode

CONFIGS = sorted((Path(__file__).parents[1] / 'configs').rglob('*.py'))
LONG = '/a/folder' * 9


def texts(cfg, monkeypatch):
    """Return the text of a config by the tests' way and by yapf's."""
    for way in (format_code, FormatCode):
        monkeypatch.setattr('mmcv.utils.config.FormatCode', way)
        yield cfg.pretty_text


@pytest.mark.parametrize('path', CONFIGS[::9], ids=lambda path: path.stem)
def test_shipped_configs(path, monkeypatch):
    cfg = Config.fromfile(str(path))
    cfg.long = {'ann_file': f'{LONG}.txt', 'data_prefix': LONG, 'texts': [LONG] * 2}
    ours, yapfs = texts(cfg, monkeypatch)
    assert ours == yapfs


@pytest.mark.parametrize(
    'values',
    [
        {},
        {'a b': {'d': LONG}},
        {'a': [{'b': LONG}, {'c': 1}], 'd': (1, LONG)},
        {'a': "''x\nb=1\ny''", 'c': 1},
    ],
)
def test_odd_ones(values, monkeypatch):
    ours, yapfs = texts(Config(values), monkeypatch)
    assert ours == yapfs


def test_what_python_cannot_read_ends_as_it_does_with_yapf(monkeypatch):
    ends = []
    for way in (format_code, FormatCode):
        monkeypatch.setattr('mmcv.utils.config.FormatCode', way)
        with pytest.raises(YapfError) as error:
            Config({'a': "it's", 'b': 1}).pretty_text  # noqa: B018
        ends.append((type(error.value), str(error.value)))
    assert ends[0] == ends[1]
