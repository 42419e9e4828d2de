"""The folder of patches: which files are patches, and of which slide."""

import os
import sys

import pytest
from PIL import Image

from cite.core.files.patch_file import FORMATS, SUFFIXES
from cite.datasets.tables.patches import list_patches
from cite.datasets.tables.slide_rule import SlideRule


def fill(folder, names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_images_are_sorted_by_slide_and_the_rest_is_ignored(tmp_path):
    images = ['b_2.jpg', 'a_1.PNG', 'b_1.jpeg', 'c.d_1.tif', 'e_1_2.BMP']
    rest = ['.DS_Store', 'Thumbs.db', '._a_1.jpg', 'a_1.txt']
    folder = fill(tmp_path / 'patches', images + rest)
    (folder / 'a_2.jpg').mkdir()
    slides, ignored = list_patches(folder)
    assert slides == {
        'a': ['a_1.PNG'],
        'b': ['b_1.jpeg', 'b_2.jpg'],
        'c.d': ['c.d_1.tif'],
        'e': ['e_1_2.BMP'],
    }
    assert ignored == sorted([*rest, 'a_2.jpg'])


def test_the_order_in_the_folder_does_not_matter(tmp_path):
    names = [f'{slide}_{patch}.jpg' for slide in 'abc' for patch in range(5)]
    one = list_patches(fill(tmp_path / 'one', names))
    two = list_patches(fill(tmp_path / 'two', reversed(names)))
    assert one == two
    assert list(one.slides) == list(two.slides)


@pytest.mark.parametrize(
    ('name', 'fault'),
    [('a 1_1.jpg', 'space'), ('a_1 (copy).jpg', 'space'), ('a\\b_1.jpg', 'backslash')],
)
def test_names_that_an_annotation_file_cannot_hold(tmp_path, name, fault):
    folder = fill(tmp_path / 'patches', ['a_1.jpg', name])
    with pytest.raises(ValueError, match=fault) as error:
        list_patches(folder)
    assert str(error.value).startswith(str(folder / name))


@pytest.mark.skipif(sys.platform == 'darwin', reason='names there are always UTF-8')
def test_a_name_that_is_not_utf8(tmp_path):
    folder = fill(tmp_path / 'patches', ['a_1.jpg', os.fsdecode(b'a_\xff.jpg')])
    with pytest.raises(ValueError, match='not UTF-8'):
        list_patches(folder)


def test_an_accent_that_macos_writes_apart_makes_no_other_slide(tmp_path):
    folder = fill(tmp_path / 'patches', ['Cafe\u0301_1.jpg'])
    assert list_patches(folder).slides == {'Caf\xe9': ['Cafe\u0301_1.jpg']}
    fill(folder / 'Cafe\u0301', ['1.jpg'])
    assert SlideRule('folder')('Cafe\u0301/1.jpg') == 'Caf\xe9'


def test_no_folder_or_no_images(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'Unzip patches_captions\.zip'):
        list_patches(tmp_path / 'patches_captions')
    folder = fill(tmp_path / 'patches_captions', [])
    with pytest.raises(FileNotFoundError, match=r'but nothing.* JPEG, PNG'):
        list_patches(folder)
    fill(folder / 'patches_captions', ['a_1.jpg'])
    with pytest.raises(FileNotFoundError, match='but patches_captions'):
        list_patches(folder)


def test_every_format_that_is_read_is_listed(tmp_path):
    Image.init()
    suffixes = [end for end, kind in Image.EXTENSION.items() if kind in FORMATS]
    assert sorted(SUFFIXES) == sorted(suffixes)
    for k, end in enumerate(suffixes):
        (tmp_path / f'a_{k}{end.upper() if k % 2 else end}').touch()
    assert len(list_patches(tmp_path).slides['a']) == len(suffixes)
