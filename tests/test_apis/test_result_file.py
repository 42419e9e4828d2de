"""The file of ``mim test --out``: refused before the pass, and with names after it."""

import json
import os
from pathlib import Path

import mmcv
import numpy as np
import pytest
from mmcv.fileio.io import file_handlers

from cite.apis.predictions import read_predictions
from cite.apis.result_file import check_result_file, check_writable, name_results
from cite.datasets import PatchGastricCls3

SCORES = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]], np.float32)


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / 'ann.txt').write_text('sub/a_1.jpg 0\nsub/a_2.jpg 0\nb_1.jpg 1\n')
    return PatchGastricCls3(
        ann_file=str(tmp_path / 'ann.txt'),
        data_prefix='patches',
        classes=['benign', 'tumour'],
        pipeline=[dict],
    )


def results():
    """What mmcls' test command collects, from a checkpoint without class names."""
    label = SCORES.argmax(1)
    names = ['tench', 'tench', 'goldfish']
    return {
        'accuracy': np.float64(100),
        'class_scores': SCORES,
        'pred_score': SCORES.max(1),
        'pred_label': label,
        'pred_class': names,
    }


@pytest.fixture
def registry(monkeypatch):
    for kind, handler in file_handlers.items():
        monkeypatch.setitem(file_handlers, kind, handler)


@pytest.mark.parametrize('kind', ['json', 'pkl', 'pickle', 'yaml', 'yml'])
def test_each_format_names_file_slide_and_label(dataset, tmp_path, registry, kind):
    path = str(tmp_path / f'results.{kind}')
    name_results(path, dataset)
    name_results(path, dataset)  # a second test in one process
    mmcv.dump(results(), path)
    written = mmcv.load(path)
    assert b'numpy' not in Path(path).read_bytes()
    assert written['file'] == ['sub/a_1.jpg', 'sub/a_2.jpg', 'b_1.jpg']
    assert written['slide'] == dataset.get_bags().tolist()
    assert written['label'] == [0, 0, 1]
    assert written['pred_class'] == ['benign', 'benign', 'tumour']
    np.testing.assert_array_equal(np.float32(written['class_scores']), SCORES)
    assert (written['accuracy'], written['pred_label']) == (100, [0, 0, 1])


def test_other_objects_are_written_as_they_are(dataset, tmp_path, registry):
    path = str(tmp_path / 'other.json')
    name_results(path, dataset)
    for value in ({'accuracy': 1.0}, [1, 2], {'pred_label': [0]}):
        mmcv.dump(value, path)
        assert mmcv.load(path) == value


@pytest.mark.parametrize('name', ['results', 'results.csv', 'r.json.gz', 'r.JSON'])
def test_other_formats_are_refused(name):
    with pytest.raises(ValueError, match=r'must end with one of \.json'):
        check_result_file(name)


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / 'x.json').mkdir()
    with pytest.raises(ValueError, match='is a folder'):
        check_result_file(str(tmp_path / 'x.json'))


def test_predictions_are_read_with_and_without_names(dataset, tmp_path, registry):
    plain, named = tmp_path / 'plain.json', tmp_path / 'named.json'
    plain.write_text(json.dumps({'class_scores': SCORES.tolist()}))
    name_results(str(named), dataset)
    mmcv.dump(results(), str(named))
    old = read_predictions(plain, dataset.ann_file)
    for new in (read_predictions(named), read_predictions(named, dataset.ann_file)):
        assert new.labels.tolist() == old.labels.tolist() == [0, 1]
        np.testing.assert_array_equal(new.scores, old.scores)
    with pytest.raises(ValueError, match='does not name its slides'):
        read_predictions(plain)


def test_named_results_of_another_file_are_refused(dataset, tmp_path, registry):
    named = tmp_path / 'named.json'
    name_results(str(named), dataset)
    mmcv.dump(results(), str(named))
    other = tmp_path / 'other.txt'
    other.write_text('sub/a_1.jpg 0\nc_1.jpg 0\nb_1.jpg 1\n')
    with pytest.raises(ValueError, match=r'a_2\.jpg where .*other\.txt:2 lists c_1'):
        read_predictions(named, other)


def test_a_patch_that_could_not_be_read_has_no_class(dataset, tmp_path, registry):
    unread = results()
    unread['class_scores'] = SCORES.copy()
    unread['class_scores'][1] = np.nan
    unread['pred_score'] = unread['class_scores'].max(1)
    path = str(tmp_path / 'results.json')
    name_results(path, dataset)
    mmcv.dump(unread, path)
    written = mmcv.load(path)
    assert written['pred_class'] == ['benign', None, 'tumour']
    assert written['pred_label'] == [0, -1, 1]
    assert np.isnan(written['class_scores'][1]).all()


@pytest.mark.parametrize(
    ('out', 'message'),
    [
        ('file.txt/x.json', 'cannot be written: (Not a directory|File exists)'),
        ('/proc/x.json', 'cannot be written: No such file'),
        (f'{"x" * 300}.json', 'cannot be written: File name too long'),
        ('http://host/x.json', 'name a path of this machine'),
        ('s3://bucket/x.pkl', 'name a path of this machine'),
        ('~/x.json', 'write /'),
        ('folder.json', 'is a folder'),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path, monkeypatch, out, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file.txt').touch()
    (tmp_path / 'folder.json').mkdir()
    with pytest.raises(ValueError, match=message):
        check_result_file(out)


def test_the_file_itself_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_result_file('new/folder/x.json')
    assert [path.name for path in tmp_path.rglob('*')] == ['new', 'folder']
    (tmp_path / 'old.json').write_text('{}')
    check_result_file('old.json')
    assert (tmp_path / 'old.json').read_text() == '{}'


@pytest.mark.parametrize('out', ['file.txt', 'file.txt/shown', '/proc/shown', '~/x'])
def test_a_folder_of_pictures_that_cannot_be_written_is_refused(
    tmp_path, monkeypatch, out
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file.txt').touch()
    with pytest.raises(ValueError, match=f'--show-dir {out}'):
        check_writable('--show-dir', out, is_folder=True)
    check_writable('--show-dir', 'shown/here', is_folder=True)
    assert not [*(tmp_path / 'shown/here').iterdir()]


def test_of_two_ranks_one_removes_the_file_that_both_tried(tmp_path, monkeypatch):
    remove = os.remove

    def after_the_other(path):
        remove(path)
        remove(path)

    monkeypatch.setattr('cite.apis.result_file.os.remove', after_the_other)
    check_result_file(str(tmp_path / 'a.json'))
    assert list(tmp_path.iterdir()) == []
