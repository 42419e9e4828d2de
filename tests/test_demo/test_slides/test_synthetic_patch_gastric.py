"""The synthetic data set: repeatable, complete or absent, other data left alone."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from cite.datasets.tables.patches import list_patches
from cite.datasets.tables.slide_table import read_captions
from demo.slides import is_whole, make_patch_gastric

ROOT = Path(__file__).parents[3]
SMALL = {'slides': 3, 'patches': 2}


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob('*')
        if path.is_file()
    }


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    return make_patch_gastric(tmp_path_factory.mktemp('made'), seed=3, **SMALL)


def test_layout_is_patch_gastrics(made):
    slides = read_captions(made / 'captions.csv')
    assert Counter(slide.subtype for slide in slides) == {
        'Well differentiated tubular adenocarcinoma': 3,
        'Moderately differentiated tubular adenocarcinoma': 3,
        'Poorly differentiated adenocarcinoma, non-solid type': 2,
        'Poorly differentiated adenocarcinoma, solid type': 1,
    }
    patches = list_patches(made / 'patches_captions').slides
    assert {slide.id: len(patches[slide.id]) for slide in slides} == {
        slide.id: 2 for slide in slides
    }
    for path in (made / 'patches_captions').iterdir():
        assert re.fullmatch(r'[0-9a-f]{32}_[0-9a-f]{12}\.jpg', path.name)
        with Image.open(path) as image:
            assert (image.format, image.size, image.mode) == ('JPEG', (300, 300), 'RGB')


def test_a_seed_gives_the_same_bytes_and_another_seed_others(made, tmp_path):
    again = make_patch_gastric(tmp_path / 'again', seed=3, **SMALL)
    assert digests(again) == digests(made)
    other = make_patch_gastric(tmp_path / 'other', seed=4, **SMALL)
    shared = set(digests(other).values()) & set(digests(made).values())
    assert not shared


def test_another_seed_in_the_same_folder_leaves_nothing_of_the_first(made, tmp_path):
    make_patch_gastric(tmp_path, seed=4, slides=4, patches=3)
    make_patch_gastric(tmp_path, seed=3, **SMALL)
    assert digests(tmp_path) == digests(made)


def test_no_two_patches_are_alike(made):
    patches = list((made / 'patches_captions').iterdir())
    assert len({path.read_bytes() for path in patches}) == 18


def test_whole_means_all_patches_the_table_and_these_settings(made, tmp_path):
    assert is_whole(made, 3, **SMALL)
    assert not is_whole(made, 4, **SMALL)
    assert not is_whole(made, 3, slides=3, patches=1)
    assert not is_whole(tmp_path, 3, **SMALL)
    make_patch_gastric(tmp_path, seed=3, **SMALL)
    next((tmp_path / 'patches_captions').iterdir()).unlink()
    assert not is_whole(tmp_path, 3, **SMALL)
    (tmp_path / 'synthetic.json').write_text('')
    assert not is_whole(tmp_path, 3, **SMALL)


def test_a_killed_run_is_not_taken_for_whole_and_is_made_good(made, tmp_path):
    root = make_patch_gastric(tmp_path / 'data', seed=3, **SMALL)
    code = (
        'from demo.slides import make_patch_gastric\n'
        f'make_patch_gastric({str(root)!r}, seed=9, slides=500, patches=2)'
    )
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONWARNINGS': 'ignore'}
    with subprocess.Popen([sys.executable, '-c', code], env=env) as process:
        stamp, deadline = root / 'synthetic.json', time.monotonic() + 120
        while '"seed": 9' not in stamp.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
    assert '"seed": 9' in stamp.read_text()
    # The table of the first seed must not go with patches of the second.
    assert not (root / 'captions.csv').exists()
    assert not is_whole(root, 9, slides=500, patches=2)
    make_patch_gastric(root, seed=3, **SMALL)
    assert digests(root) == digests(made)


@pytest.mark.parametrize('name', ['captions.csv', 'patches_captions/slide_1.jpg'])
def test_data_that_were_not_made_here_stay(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text('mine')
    before = digests(tmp_path)
    with pytest.raises(ValueError, match=r'not made here .*Name another folder'):
        make_patch_gastric(tmp_path, **SMALL)
    assert digests(tmp_path) == before


@pytest.mark.parametrize(('slides', 'patches'), [(1, 1), (2, 0)])
def test_too_few(tmp_path, slides, patches):
    with pytest.raises(ValueError, match='at least 2 slides a class'):
        make_patch_gastric(tmp_path / 'new', slides=slides, patches=patches)
    assert not (tmp_path / 'new').exists()
