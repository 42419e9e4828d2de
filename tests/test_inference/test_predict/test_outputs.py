"""What is written of a slide, from arrays."""

import csv
import gzip
import json
from types import SimpleNamespace

import numpy as np
import pytest
from made_up_slide import CLASSES, ArraySlide, made_up_tiles
from PIL import Image
from qupath_rules import check_qupath

from cite.inference.predict.outputs import geojson as geojson_module
from cite.inference.predict.outputs.colours import class_colour, probability_colours
from cite.inference.predict.outputs.features_h5 import (
    FeaturesFile,
    magnification,
    read_features,
)
from cite.inference.predict.outputs.geojson import geojson_name, write_geojson
from cite.inference.predict.outputs.maps import map_names, write_maps
from cite.inference.predict.outputs.tile_table import (
    TileTable,
    read_tile_csv,
    write_tile_csv,
)


def test_the_csv_has_wsinfers_columns_and_every_bit(tmp_path):
    tiles = made_up_tiles()
    write_tile_csv(tmp_path / 's.csv', tiles)
    with open(tmp_path / 's.csv', newline='') as file:
        head, first, *_ = csv.reader(file)
    assert head == ['minx', 'miny', 'width', 'height', *(f'prob_{c}' for c in CLASSES)]
    assert first[:4] == ['100', '100', '100', '100']
    again = read_tile_csv(tmp_path / 's.csv', CLASSES)
    assert again.size == 100
    np.testing.assert_array_equal(again.coords, tiles.coords)
    assert again.probabilities.tobytes() == tiles.probabilities.tobytes()


def test_tiny_probabilities_keep_their_bits_in_the_csv(tmp_path):
    scores = np.array([[1e-38, 1.0], [np.nextafter(np.float32(0.3), 1), 0.7]], 'f4')
    tiles = TileTable(np.zeros((2, 2), np.int64), 5, scores, ['a', 'b'])
    write_tile_csv(tmp_path / 's.csv', tiles)
    again = read_tile_csv(tmp_path / 's.csv', ['a', 'b'])
    assert again.probabilities.tobytes() == scores.tobytes()


def test_qupath_takes_the_geojson(tmp_path):
    tiles = made_up_tiles()
    write_geojson(tmp_path / 's.geojson', tiles, 'slide model')
    content = json.loads((tmp_path / 's.geojson').read_text(encoding='utf-8'))
    check_qupath(content)
    feature = content['features'][0]
    ring = [[100, 100], [200, 100], [200, 200], [100, 200], [100, 100]]
    assert feature['geometry']['coordinates'] == [ring]
    properties = feature['properties']
    k = int(tiles.probabilities[0].argmax())
    assert properties['objectType'] == 'tile'
    assert properties['classification']['name'] == CLASSES[k]
    assert properties['classification']['color'] == list(class_colour(k))
    measured = np.float32(properties['measurements'][f'prob_{CLASSES[k]}'])
    assert measured == tiles.probabilities[0, k]


def test_bounds_are_subtracted_for_qupath(tmp_path):
    write_geojson(tmp_path / 's.geojson', made_up_tiles(), 'key', (2000, 3000))
    content = json.loads((tmp_path / 's.geojson').read_text(encoding='utf-8'))
    first = content['features'][0]['geometry']['coordinates'][0][0]
    assert first == [100 - 2000, 100 - 3000]


def test_ids_are_the_same_each_time_and_another_models_differ(tmp_path):
    for name, key in (('a', 'slide m'), ('b', 'slide m'), ('c', 'slide n')):
        write_geojson(tmp_path / name, made_up_tiles(), key)
    texts = [(tmp_path / name).read_bytes() for name in 'abc']
    assert texts[0] == texts[1]
    ids = [{f['id'] for f in json.loads(t)['features']} for t in texts]
    assert not ids[0] & ids[2]


def test_many_tiles_are_compressed_into_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(geojson_module, 'COMPRESS_ABOVE', 5)
    tiles = made_up_tiles()
    name = geojson_name('s', len(tiles.coords))
    assert name == 's.geojson.gz'
    assert geojson_name('s', 5) == 's.geojson'
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        write_geojson(tmp_path / folder / name, tiles, 'key')
    packed = [(tmp_path / folder / name).read_bytes() for folder in ('a', 'b')]
    assert packed[0] == packed[1]
    assert packed[0][4:8] == bytes(4)  # no time
    check_qupath(json.loads(gzip.decompress(packed[0])))


def test_a_slide_without_tiles_is_still_json(tmp_path):
    tiles = TileTable(np.zeros((0, 2), np.int64), 10, np.zeros((0, 3), 'f4'), CLASSES)
    write_geojson(tmp_path / 's.geojson', tiles, 'key')
    assert json.loads((tmp_path / 's.geojson').read_text())['features'] == []


def test_classes_cannot_lead_out_of_the_folder():
    assert map_names(['../../x', 'a b', 'A B', '..', 'class']) == [
        'x',
        'a-b',
        'A-B-2',
        '3',
        'class-4',
    ]


def test_the_map_agrees_with_the_tiles_to_the_pixel(tmp_path):
    slide = ArraySlide()
    tiles = made_up_tiles()
    paths = write_maps(tmp_path, 's', tiles, slide.pixels[::2, ::2], 2.0)
    assert [path.name for path in paths][-1] == 's_class.png'
    with Image.open(paths[-1]) as image:
        assert image.text['slide area'] == '500 350'
        drawn = np.asarray(image)[:350, :500].astype(int)
    heat = (drawn != slide.pixels[::2, ::2]).any(-1)
    expected = np.zeros((350, 500), bool)
    for x, y in tiles.coords // 2:
        expected[y : y + 50, x : x + 50] = True
    np.testing.assert_array_equal(heat, expected)
    assert not heat[100:150, 150:200].any()  # the hole


def test_maps_have_one_scale_whatever_the_slide_says(tmp_path):
    white = np.full((100, 100, 3), 255, np.uint8)
    scores = np.array([[0.25, 0.75]], np.float32)
    tiles = TileTable(np.array([[0, 0]]), 50, scores, ['a', 'b'])
    paths = write_maps(tmp_path, 's', tiles, white, 1.0)
    colours = probability_colours().astype(float)
    for path, share in zip(paths, scores[0]):
        with Image.open(path) as image:
            pixel = np.asarray(image)[25, 25]
            bar = np.asarray(image)[:, 100 + 24 + 5]
        expected = 0.38 * 255 + 0.62 * colours[round(share * 255)]
        np.testing.assert_allclose(pixel, expected, atol=1)
        assert (bar == colours[255]).all(-1).any()  # the bar reaches 1 …
        assert (bar == colours[0]).all(-1).any()  # … and 0


def test_overlapping_tiles_are_averaged_in_the_map():
    from cite.inference.predict.outputs.maps import paint

    scores = np.array([[1.0, 0.0], [0.5, 0.5]], np.float32)
    tiles = TileTable(np.array([[0, 0], [5, 0]]), 10, scores, ['a', 'b'])
    shares, covered = paint(tiles, (10, 20), 1.0)
    assert shares[0, 0, [0, 7, 12]].tolist() == [1.0, 0.75, 0.5]
    assert covered[0].sum() == 15


@pytest.fixture
def features_file(tmp_path):
    cut = SimpleNamespace(patch_pixels=300, mpp=0.5, stride=1.0)
    reader = SimpleNamespace(mpp=0.2525)
    source = SimpleNamespace(name='s', size=594, cut=cut, reader=reader)
    vectors = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    coords = np.arange(14).reshape(7, 2)
    with FeaturesFile(tmp_path / 's.h5') as file:
        file.append(vectors[:5])
        file.append(vectors[5:])
        file.finish(coords, source, 'digest')
    return tmp_path / 's.h5', vectors, coords


def test_features_have_tridents_names(features_file):
    h5py = pytest.importorskip('h5py')
    path, vectors, coords = features_file
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file['features'], vectors)
        np.testing.assert_array_equal(file['coords'], coords)
        assert file['coords'].dtype == np.int64
        notes = dict(file['coords'].attrs)
    assert notes['patch_size'] == 300
    assert notes['patch_size_level0'] == 594
    assert notes['level0_magnification'] == 40
    assert notes['target_magnification'] == 20
    assert notes['overlap'] == 0
    assert notes['name'] == 's'
    stored = read_features(path)
    assert stored.encoder == 'digest'
    assert stored.features.tobytes() == vectors.tobytes()


@pytest.mark.parametrize('mpp', [0.23, 0.25, 0.2525, 0.28])
def test_scanners_that_say_40x(mpp):
    assert magnification(mpp) == 40


def test_links_to_other_files_are_refused(tmp_path, features_file):
    h5py = pytest.importorskip('h5py')
    path, *_ = features_file
    with h5py.File(path, 'a') as file:
        del file['features']
        file['features'] = h5py.ExternalLink(str(tmp_path / 'other.h5'), 'secret')
    with pytest.raises(ValueError, match='link to another place'):
        read_features(path)


def test_a_claim_larger_than_the_file_is_refused(tmp_path, features_file):
    h5py = pytest.importorskip('h5py')
    path, *_ = features_file
    with h5py.File(path, 'a') as file:
        del file['features']
        file.create_dataset('features', (1 << 30, 1 << 10), 'f4', chunks=(64, 64))
    with pytest.raises(ValueError, match='larger than the file'):
        read_features(path)
