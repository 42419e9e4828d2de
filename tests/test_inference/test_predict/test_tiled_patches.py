"""Overlapping patches that ``cite tile`` cut are the slide's equal."""

import json

import h5py
import numpy as np
import pytest
from PIL import Image
from slide_files import draw, write_pyramid

from cite.apis.tile import TileSettings, tile_slides
from cite.inference.predict.answer_slide import Options
from cite.inference.predict.jobs import find_jobs
from cite.inference.predict.outputs.tile_table import read_tile_csv
from cite.inference.predict.run import predict_slides

HALF = TileSettings(patch_pixels=64, stride=0.5, format='png')


def predict(predictor, paths, out, options):
    failures = predict_slides(predictor, find_jobs(paths), out, options, say=str)
    return read_tile_csv(next(out.glob('tiles/*.csv')), predictor.classes), failures


@pytest.fixture(scope='module')
def fine(tmp_path_factory):
    """Return a slide of 0.25 µm a pixel, so that a patch is 128 pixels of it."""
    folder = tmp_path_factory.mktemp('fine')
    image = draw(900, 700, ((100, 100, 500, 400),))
    return write_pyramid(folder / 'fine.tiff', image, 0.25)


@pytest.fixture(scope='module')
def tiled(fine, tmp_path_factory):
    """Return its data set of patches that overlap by half."""
    out = tmp_path_factory.mktemp('tiled')
    tile_slides([fine], out, HALF, say=lambda line: None)
    return out


@pytest.mark.parametrize('inner', ['.', 'patches_captions'])
def test_positions_scale_and_overlap_are_the_slides(
    inner, predictor, fine, tiled, tmp_path
):
    options = Options(stride=0.5, features=True, viewer=False)
    slide, _ = predict(predictor, [fine], tmp_path / 'slide', options)
    options = Options(features=True, viewer=False)
    patches, _ = predict(predictor, [tiled / inner], tmp_path / 'patches', options)
    np.testing.assert_array_equal(patches.coords, slide.coords)
    assert patches.size == slide.size == 128
    assert patches.probabilities.tobytes() == slide.probabilities.tobytes()
    manifests = [
        json.loads((tmp_path / name / 'manifest' / 'fine.json').read_text())
        for name in ('patches', 'slide')
    ]
    for key in ('mpp', 'mpp_source', 'quickhash'):
        assert manifests[0]['slide'][key] == manifests[1]['slide'][key]
    areas = [manifest['tissue']['area_mm2'] for manifest in manifests]
    assert areas[0] == pytest.approx(areas[1], abs=1e-4)
    with h5py.File(tmp_path / 'patches' / 'features' / 'fine.h5') as file:
        notes = dict(file['coords'].attrs)
    assert (notes['overlap'], notes['patch_size_level0']) == (32, 128)
    assert notes['level0_magnification'] == 40


def test_patches_of_another_size_are_refused(predictor, fine, tmp_path):
    """128 pixels of 0.5 µm show four times the area that the model knows."""
    tile_slides([fine], tmp_path / 'big', TileSettings(patch_pixels=128), say=str)
    jobs, out = find_jobs([tmp_path / 'big']), tmp_path / 'out'
    (reason,) = predict_slides(predictor, jobs, out, say=str).values()
    assert 'patches of 64 µm, but the model was trained on patches of 32 µm' in reason
    assert '--patch-pixels 64 --patch-mpp 0.5' in reason


@pytest.mark.parametrize(
    ('file', 'text', 'message'),
    [
        ('tile.json', '[1]', 'tile.json: not the settings of `cite tile`'),
        ('tile.json', '{"patch_pixels": "64"}', 'patch_pixels'),
        ('tile.json', '{"patch_mpp": 1e999}', 'patch_mpp'),
        ('tile.json', '[' * 9000, 'tile.json: not the settings'),
        (
            'slides.csv',
            'id,quickhash,mpp,mpp_source,tissue_mm2\np,x,-1,openslide,2\n',
            r"slides.csv:2: mpp '-1' or tissue_mm2 '2'",
        ),
        (
            'slides.csv',
            'id,quickhash,mpp,mpp_source,tissue_mm2\np,x,0.5,openslide,\n',
            r"slides.csv:2: mpp '0.5' or tissue_mm2 ''",
        ),
    ],
)
def test_a_damaged_table_says_where(file, text, message, tmp_path):
    Image.new('RGB', (8, 8)).save(tmp_path / 'p_0_0.png')
    HALF.keep_in(tmp_path)
    (tmp_path / 'slides.csv').write_text('id,label\np,a\n')
    assert find_jobs([tmp_path])[0].patches.tiled is None  # a table of one's own
    (tmp_path / file).write_text(text)
    if file == 'tile.json':
        header = 'id,quickhash,mpp,mpp_source,tissue_mm2\np,x,0.5,openslide,2\n'
        (tmp_path / 'slides.csv').write_text(header)
    with pytest.raises(ValueError, match=message):
        find_jobs([tmp_path])
