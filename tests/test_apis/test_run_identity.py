"""What a run depends on: files that a config names, and not words like their names."""

import pytest

from cite.apis.run_identity import settings_identity

WORDS = {
    'mean': 'model',
    'slide': 'folder',
    'workflow': [('train', 1)],
    'lr_config': {'policy': 'step', 'by_epoch': False},
}


def test_a_folder_called_like_a_keyword_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = settings_identity(WORDS)
    for name in ('model', 'folder', 'train', 'step'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'config.json').write_text(name)
    assert settings_identity(WORDS) == before


@pytest.mark.parametrize(
    'settings',
    [
        {'text_encoder': {'model': 'bert'}},
        {'backbone': {'arch': 'weights'}},
        {'prompts': 'words.yml'},
        {'anything': './bert'},
        {'slide': 'column:name of words.yml'},
        {'feature_file': 'rows'},
        {'texts': ['a', 'words.yml']},
    ],
)
def test_a_file_that_is_named_counts(tmp_path, monkeypatch, settings):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'bert').mkdir()
    for name in ('words.yml', 'weights', 'bert/config.json', 'rows_0.npy'):
        (tmp_path / name).write_text('as it was')
    before = settings_identity(settings)
    for name in ('words.yml', 'weights', 'bert/config.json', 'rows_0.npy'):
        (tmp_path / name).write_text('another')
    assert settings_identity(settings) != before
