"""What may be in the place of a patch, and how many pixels it may have."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image

from cite.core.files import patch_file
from cite.core.files.patch_file import UnreadablePatchError, read_patch_file
from cite.core.resize import Scratch
from cite.datasets.pipelines.pixels import load_planes


def load(path):
    return load_planes({'img_info': {'filename': str(path)}}, 32, 'bicubic', Scratch())


@pytest.mark.parametrize('read', [read_patch_file, load])
@pytest.mark.parametrize('name', ['s_1.jpg', 's_1.png'])
def test_a_pipe_or_a_folder_is_not_waited_for(tmp_path, read, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=name):
        read(tmp_path / name)
    (tmp_path / 'folder').mkdir()
    with pytest.raises(FileNotFoundError, match='folder'):
        read(tmp_path / 'folder')
    with pytest.raises(FileNotFoundError, match='zero'):
        read('/dev/zero')


@pytest.mark.parametrize('read', [read_patch_file, load])
@pytest.mark.parametrize('name', ['s_1.jpg', 's_1.png', 's_1.tif', 's_1.webp'])
def test_more_pixels_than_a_patch_has_are_refused(tmp_path, monkeypatch, read, name):
    Image.new('RGB', (80, 50)).save(tmp_path / name)
    monkeypatch.setattr(patch_file, 'MOST_PIXELS', 80 * 50)
    monkeypatch.setattr('cite.datasets.pipelines.pixels.MOST_PIXELS', 80 * 50)
    read(tmp_path / name)
    monkeypatch.setattr(patch_file, 'MOST_PIXELS', 80 * 50 - 1)
    monkeypatch.setattr('cite.datasets.pipelines.pixels.MOST_PIXELS', 80 * 50 - 1)
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: 1 / 0)  # not even decoded
    with pytest.raises(UnreadablePatchError, match=rf'{name}.*80 x 50 pixels'):
        read(tmp_path / name)


def test_a_region_of_4096_pixels_is_read(tmp_path):
    Image.new('L', (4096, 4096)).save(tmp_path / 'r_1.png')
    assert np.array_equal(load(tmp_path / 'r_1.png'), np.zeros((3, 32, 32)))
