import pytest

from cite.apis.config_file import find_config


@pytest.fixture
def repository(tmp_path, monkeypatch):
    folder = tmp_path / 'configs' / 'glas'
    folder.mkdir(parents=True)
    (folder / 'cite_vit-tiny_minilm.py').write_text('model = None\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_config_that_is_there_is_returned(repository):
    path = 'configs/glas/cite_vit-tiny_minilm.py'
    assert find_config(path).read_text() == 'model = None\n'


@pytest.mark.parametrize(
    ('name', 'meant'),
    [
        ('configs/glas/cite_vit-tiny.py', r'Is it configs/glas/cite_vit-tiny_min'),
        ('zzz', r'Configs are in configs/\.'),
        ('configs/glas', 'Is it configs/glas/cite'),  # a folder
    ],
)
def test_one_that_is_not_is_named_with_those_like_it(repository, name, meant):
    with pytest.raises(FileNotFoundError, match=rf'{name}: no such config.*{meant}'):
        find_config(name)
