"""What users of other packages complain of, in what ``cite predict`` writes.

tests/MUTATIONS.md lists each complaint with its test; those about reading, tissue and
other packages' features are beside that code.
"""

import csv
import json

import h5py
import numpy as np
import pytest
from PIL import Image
from slide_files import draw, write_aperio, write_pyramid

from cite.inference.predict.answer_slide import Options
from cite.inference.predict.jobs import find_jobs
from cite.inference.predict.outputs.colours import class_colour
from cite.inference.predict.outputs.maps import paint
from cite.inference.predict.outputs.tile_table import TileTable, read_tile_csv
from cite.inference.predict.run import predict_slides

PLAIN = Options(features=True, viewer=False)


def predict(predictor, path, out, options=PLAIN, **how):
    lines = []
    jobs = find_jobs([path], **how)
    return predict_slides(predictor, jobs, out, options, say=lines.append), lines


def test_coordinates_and_sizes_are_of_level_0(predictor, tmp_path):
    """TRIDENT 145, CLAM 41 and 292: a 40x slide, tiles at 0.5 µm."""
    image = draw(1536, 1024, ((256, 256, 768, 512),))
    path = write_aperio(tmp_path / 's.svs', image)  # 0.25 µm a pixel
    assert predict(predictor, path, tmp_path / 'out')[0] == {}
    with (tmp_path / 'out/tiles/s.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    # 64 pixels of 0.5 µm are 128 of level 0: six by four tiles of the box.
    assert {(row['width'], row['height']) for row in rows} == {('128', '128')}
    expected = [(x, y) for y in range(256, 768, 128) for x in range(256, 1024, 128)]
    assert [(int(row['minx']), int(row['miny'])) for row in rows] == expected
    with h5py.File(tmp_path / 'out/features/s.h5') as file:
        assert file['coords'][()].tolist() == [list(corner) for corner in expected]
        notes = dict(file['coords'].attrs)
    assert (notes['patch_size'], notes['patch_size_level0']) == (64, 128)
    assert notes['level0_magnification'] == 40


@pytest.mark.parametrize('downsample', [16.032, 15.872, 31.7])
def test_the_map_does_not_drift_towards_the_bottom_right(downsample):
    """TRIDENT 121, slideflow 440: downsamples that are not whole, on a wide slide."""
    size, number = 301, 200
    corners = np.rint(np.arange(number) * 300.6012).astype(np.int64)
    tiles = TileTable(
        np.stack([corners, corners], 1),
        size,
        np.tile(np.array([[0.0, 1.0]], np.float32), (number, 1)),
        ['a', 'b'],
    )
    shape = (int((corners[-1] + size) / downsample) + 2,) * 2
    _, covered = paint(tiles, shape, downsample)
    for x in corners[[0, 57, 199]]:
        drawn = np.flatnonzero(covered[int((x + size / 2) / downsample)])
        assert abs(drawn[0] - x / downsample) <= 0.5
        assert abs(drawn[-1] + 1 - (x + size) / downsample) <= 0.5


def test_map_geojson_and_tables_name_one_class(predictor, slide, tmp_path):
    """CLAM 154, 63 and 239: the map shows another class than the evaluation."""
    out = tmp_path / 'out'
    assert predict(predictor, slide, out)[0] == {}
    classes = list(predictor.classes)
    tiles = read_tile_csv(out / 'tiles/two-pieces.csv', classes)
    predicted = tiles.probabilities.argmax(1)
    features = json.loads((out / 'geojson/two-pieces.geojson').read_text())['features']
    names = [feature['properties']['classification']['name'] for feature in features]
    assert names == [classes[k] for k in predicted]

    with Image.open(out / 'maps/two-pieces_class.png') as image:
        width = int(image.text['slide area'].split()[0])
        drawn = np.asarray(image.convert('RGB')).astype(float)
    scale = 1024 / width  # the slide is 1024 pixels wide
    for (x, y), k in zip(tiles.coords, predicted):
        pixel = drawn[round((y + 32) / scale), round((x + 32) / scale)]
        # 62 of 100 parts are the class's colour, the rest is the slide's grey.
        tint = pixel - 0.62 * np.array(class_colour(int(k)))
        assert np.ptp(tint) <= 1.5, (x, y, classes[k])
    with (out / 'slides.csv').open(newline='') as file:
        (row,) = csv.DictReader(file)
    mean = tiles.probabilities.astype(float).mean(0)
    assert row['predicted'] == classes[int(mean.argmax())]


def test_inside_my_annotation_alone(predictor, slide, tmp_path):
    """WSInfer 108: predict inside my annotation."""
    ring = [[128, 128], [320, 128], [320, 256], [128, 256], [128, 128]]
    feature = {
        'type': 'Feature',
        'geometry': {'type': 'Polygon', 'coordinates': [ring]},
        'properties': {'objectType': 'annotation'},
    }
    roi = tmp_path / 'two_pieces.geojson'
    roi.write_text(json.dumps({'type': 'FeatureCollection', 'features': [feature]}))
    assert predict(predictor, slide, tmp_path / 'out', roi=roi)[0] == {}
    tiles = read_tile_csv(tmp_path / 'out/tiles/two-pieces.csv', predictor.classes)
    # Three by two tiles of 64 pixels; the second piece of tissue is outside.
    expected = [[x, y] for y in (128, 192) for x in (128, 192, 256)]
    assert tiles.coords.tolist() == expected


def test_an_image_smaller_than_a_tile_is_refused_with_its_size(predictor, tmp_path):
    """LazySlide 179: an image smaller than its grid."""
    image = Image.fromarray(draw(40, 30, ((0, 0, 40, 30),)))
    image.save(tmp_path / 'core.png')
    failures, _ = predict(predictor, tmp_path / 'core.png', tmp_path / 'o', mpp='0.5')
    (reason,) = failures.values()
    assert 'no tile of 64 pixels' in reason or 'no tissue' in reason


def test_tissue_too_small_for_a_tile_is_said_with_figures(predictor, tmp_path):
    """TRIDENT 219: zero tiles without a word."""
    path = write_pyramid(tmp_path / 's.tif', draw(1024, 768, ((64, 208, 896, 48),)))
    failures, lines = predict(
        predictor, path, tmp_path / 'out', Options(min_tissue=1.0, viewer=False)
    )
    (reason,) = failures.values()
    assert 'mm² of tissue, but no tile of 64 pixels of which 100% is tissue' in reason
    assert reason in lines[0]


def test_features_without_places_are_not_drawn(predictor, tmp_path):
    """Features without coordinates are not drawn on a made-up grid."""
    from cite.inference.predict.outputs.features_h5 import read_features

    with h5py.File(tmp_path / 's.h5', 'w') as file:
        file['features'] = np.zeros((4, 8), np.float32)
    with pytest.raises(ValueError, match='coords'):
        read_features(tmp_path / 's.h5')
