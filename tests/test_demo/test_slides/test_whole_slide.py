"""The drawn slide file: pieces, scale, and the same pixels each time."""

import json

import numpy as np
import pytest

from cite.slides import find_tissue, open_slide
from cite.slides.outline import signed_area
from demo.slides import whole_slide, write_slide_file


@pytest.fixture(scope='module')
def slide(tmp_path_factory):
    return write_slide_file(tmp_path_factory.mktemp('slides') / 'two.tif', seed=0)


def test_it_says_its_scale_and_has_levels(slide):
    with open_slide(slide) as reader:
        assert reader.mpp == pytest.approx(0.5)
        assert reader.mpp_source == 'openslide'
        assert reader.downsamples == (1, 2, 4)
        assert reader.dimensions == (whole_slide.WIDTH, whole_slide.HEIGHT)


def test_the_tissue_is_the_two_regions(slide):
    regions = json.loads(slide.with_suffix('.geojson').read_text())['features']
    rings = [np.array(region['geometry']['coordinates'][0]) for region in regions]
    area = sum(abs(signed_area(ring)) for ring in rings) * 0.25e-6
    with open_slide(slide) as reader:
        tissue = find_tissue(reader)
    assert tissue.area_mm2 == pytest.approx(area, rel=0.05)
    assert tissue.note() == ''
    left, right = (ring[:, 0] for ring in rings)
    assert left.max() < right.min()


def test_a_seed_gives_the_same_pixels(slide, tmp_path):
    def region(path):
        with open_slide(path) as reader:
            return reader.read(1200, 1500, 0, 300, 300)

    again = write_slide_file(tmp_path / 'again.tif', seed=0)
    other = write_slide_file(tmp_path / 'other.tif', seed=1)
    assert np.array_equal(region(again), region(slide))
    assert not np.array_equal(region(other), region(slide))
