"""A path that is missing here but exists from another folder."""

import sys
from pathlib import Path

import pytest
from torch import nn

from cite.core.files.clip_files import find_checkpoint
from cite.core.files.elsewhere import looked_at, root_of
from cite.datasets.tables.annotations import read_annotations
from cite.datasets.tables.class_file import read_class_file
from cite.datasets.tables.slide_table import read_captions
from cite.models.backbones.weights_files import fill_model
from cite.models.heads.caption_file import read_caption_file
from cite.models.hub import fetch


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """Run in a folder beside a repository whose config is on the command line."""
    (tmp_path / 'repo/data/models').mkdir(parents=True)
    (tmp_path / 'repo/data/models/x.pth').touch()
    (tmp_path / 'repo/configs').mkdir()
    (tmp_path / 'repo/configs/run.py').touch()
    (tmp_path / 'other/deep').mkdir(parents=True)
    monkeypatch.chdir(tmp_path / 'other')
    monkeypatch.setattr(sys, 'argv', ['train.py', '../repo/configs/run.py'])
    return tmp_path / 'repo'


@pytest.mark.parametrize('path', ['/a b/c', 'a b/c', '/a b', '/a b/'])
def test_a_path_that_has_lost_its_blanks_is_not_looked_for(repo, monkeypatch, path):
    argv = [
        'train.py',
        'c.py',
        '--cfg-options',
        'seed=1',
        f'data.train.data_prefix={path}',
    ]
    monkeypatch.setattr(sys, 'argv', argv)
    arrived = path.replace(' ', '')
    for missing in (arrived, f'{arrived.rstrip("/")}/s1/x.png'):
        assert 'data_prefix: mmcv deletes blanks and' in looked_at(missing)
        assert f'{path!r} arrives as {arrived!r}' in looked_at(missing)
    assert 'mmcv' not in looked_at('other/c')


@pytest.mark.parametrize(
    ('path', 'text'),
    [
        (
            'C:\\data\\ann.txt',
            ' It is a path of Windows; in WSL it is /mnt/c/data/ann.txt.',
        ),
        ('d:/data/p', ' It is a path of Windows; in WSL it is /mnt/d/data/p.'),
        ('deep\\there.txt', ' There is deep/there.txt: write it with /.'),
        ('deep', ' It is a folder; name a file in it.'),
        ('run', ' It is a folder; name run/latest.pth.'),
    ],
)
def test_a_path_of_another_kind_is_said(repo, path, text):
    Path('deep/there.txt').touch()
    Path('run').mkdir()
    Path('run/latest.pth').touch()
    assert looked_at(path) == text


def test_the_first_folder_that_is_missing_is_named(repo):
    there, gone = repo.parent / 'other', repo.parent / 'gone'
    assert looked_at(gone / 'a/b.png') == f' There is no folder {gone}.'
    assert looked_at(there / 'deep/b.png') == ''
    assert looked_at('deep/gone/a/b.png').endswith(' There is no folder deep/gone.')
    assert 'There is no folder' not in looked_at('b.png')
    assert 'There is no folder' not in looked_at('data/models/x.pth')


def test_the_folder_of_the_config_or_one_above_is_named(repo, monkeypatch):
    assert root_of('data/models/x.pth') == repo
    text = looked_at('data/models/x.pth')
    assert f'looked for at {repo.parent}/other/data/models/x.pth' in text
    assert f'There is {repo}/data/models/x.pth: run the command in {repo}' in text
    monkeypatch.setattr(sys, 'argv', ['train.py'])
    assert root_of('data/models/x.pth') is None
    monkeypatch.chdir(repo / 'configs')
    assert root_of('data/models/x.pth') == repo
    assert looked_at(repo / 'data/none.pth') == ''
    monkeypatch.chdir(repo)
    assert root_of('data/models/x.pth') is None


@pytest.mark.parametrize(
    'read',
    [
        lambda path: fill_model(nn.Linear(1, 1), path),
        find_checkpoint,
        fetch,
        read_class_file,
        read_caption_file,
        read_captions,
        lambda path: read_annotations(path, 2),
    ],
)
def test_every_reader_says_where_it_looked(repo, read):
    with pytest.raises(FileNotFoundError) as error:
        read('data/models/x.pth')
    assert f'run the command in {repo}' in str(error.value)
    assert 'MODEL_ZOO' not in str(error.value)
    with pytest.raises(FileNotFoundError) as error:
        read('data/nowhere/x.pth')
    assert str(Path('data/nowhere/x.pth').absolute()) in str(error.value)
