"""``cite tile``: slides to patches, a bad slide, a second start, the folder's users."""

import csv
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from patient_slides import require_no_patient, write_patient_slide
from PIL import Image
from slide_files import draw, real_slide, write_aperio, write_leica, write_pyramid

from cite.apis.tile import TileSettings, tile_slides
from cite.datasets.tables.patches import list_patches
from cite.datasets.tables.slide_rule import SlideRule
from cite.slides import find_tissue, make_grid, open_slide, read_tile

CONFIG = """
custom_imports = dict(imports=['cite'], allow_failed_imports=False)
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet', depth=18),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=2, in_channels=512))
common = dict(type='PatchGastricCls3', data_prefix='{folder}/patches_captions',
              classes=['a', 'b'], pipeline=[])
data = dict(
    train=dict(ann_file='{train}', **common),
    val=dict(ann_file='{val}', **common),
    test=dict(ann_file='{val}', **common))
"""
SMALL = TileSettings(patch_pixels=100, format='png')


def table(folder):
    with (folder / 'slides.csv').open(encoding='utf-8', newline='') as file:
        return {row['id']: row for row in csv.DictReader(file)}


def patches(folder):
    return {path.name: path.read_bytes() for path in folder.glob('patches_captions/*')}


@pytest.fixture
def slides(tmp_path):
    folder = tmp_path / 'slides'
    folder.mkdir()
    write_pyramid(folder / 'case_1.tif', draw())
    write_aperio(folder / 'b.svs', draw(boxes=((100, 100, 1000, 800),)))
    return folder


def test_tiles_are_the_slide_s_pixels(slides, tmp_path):
    out = tmp_path / 'data'
    tiled = tile_slides([slides], out, SMALL, say=lambda line: None)
    assert not tiled.failed
    rows = table(out)
    assert set(rows) == {'case-1', 'b'}
    assert rows['b']['mpp'] == '0.25'
    assert rows['b']['mpp_source'] == 'openslide'
    assert float(rows['case-1']['tissue_mm2']) == pytest.approx(0.135, rel=0.05)
    images = patches(out)
    assert len(images) == sum(int(row['tiles']) for row in rows.values())
    with open_slide(slides / 'case_1.tif') as slide:
        grid = make_grid(slide, find_tissue(slide), 100)
        for i in range(len(grid)):
            name = f'case-1_{grid.x[i]}_{grid.y[i]}.png'
            saved = np.asarray(Image.open(out / 'patches_captions' / name))
            assert np.array_equal(saved, read_tile(slide, grid, i))
    for part in ('masks/b.png', 'thumbnails/b.jpg', 'outlines/b.geojson'):
        assert (out / part).is_file()
    outline = json.loads((out / 'outlines' / 'b.geojson').read_text())
    ring = outline['features'][0]['geometry']['coordinates'][0]
    assert ring[0] == ring[-1]


def test_one_bad_slide_does_not_stop_the_rest(slides, tmp_path, capsys):
    (slides / 'a.svs').write_bytes(b'no slide')
    write_pyramid(slides / 'c.tif', draw(boxes=()), mpp=0.5)
    write_pyramid(slides / 'd.tif', draw(boxes=((0, 0, 900, 900),)), mpp=None)
    (slides / 'e.tif').write_bytes((slides / 'case_1.tif').read_bytes())
    whole = (slides / 'b.svs').read_bytes()
    (slides / 'f.svs').write_bytes(whole[: len(whole) // 2])
    out = tmp_path / 'data'
    tiled = tile_slides([slides], out, SMALL)
    reasons = {path.rpartition('/')[2]: why for path, why in tiled.failed.items()}
    assert set(reasons) == {'a.svs', 'c.tif', 'd.tif', 'e.tif', 'f.svs'}
    assert 'can open it' in reasons['a.svs']
    assert 'no tissue was found' in reasons['c.tif']
    assert 'highest colour' in reasons['c.tif']
    assert '--mpp' in reasons['d.tif']
    assert 'same slide as case-1' in reasons['e.tif']
    assert set(table(out)) == {'case-1', 'b'}
    scales = tmp_path / 'scales.csv'
    scales.write_text('slide,mpp\nd.tif,1.0\n')
    tiled = tile_slides([slides / 'd.tif'], out, SMALL, mpp=str(scales))
    assert not tiled.failed
    assert table(out)['d']['mpp_source'] == 'override'


def test_an_interrupted_run_continues(slides, tmp_path):
    tile_slides([slides], tmp_path / 'whole', SMALL)
    whole, out = patches(tmp_path / 'whole'), tmp_path / 'data'
    command = [sys.executable, '-W', 'ignore', '-m', 'cite', 'tile', str(slides)]
    command += ['--out', str(out), '--patch-pixels', '100', '--format', 'png']
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not any(out.glob('patches_captions/*')) and run.poll() is None:
        time.sleep(0.01)
    run.kill()
    run.wait()
    tile_slides([slides], out, SMALL, workers=1)
    assert patches(out) == whole
    first = next((out / 'patches_captions').iterdir())
    before = first.stat().st_mtime_ns
    tile_slides([slides], out, SMALL)
    assert first.stat().st_mtime_ns == before
    first.unlink()
    tile_slides([slides], out, SMALL)
    assert patches(out) == whole
    with pytest.raises(ValueError, match='patch_pixels 100, not 300'):
        tile_slides([slides], out)


def test_a_folder_for_each_slide(slides, tmp_path):
    flat, out = tmp_path / 'flat', tmp_path / 'folders'
    settings = TileSettings(patch_pixels=100, format='png', slide='folder')
    tile_slides([slides], flat, SMALL, say=lambda line: None)
    tile_slides([slides], out, settings, say=lambda line: None)
    assert set(table(out)) == {'case_1', 'b'}  # ids as the files are named
    tiles = list_patches(out / 'patches_captions', SlideRule('folder')).slides
    for name, row in table(out).items():
        assert len(tiles[name]) == int(row['tiles'])
        for tile in tiles[name]:
            other = tile.partition('/')[2].replace('case_1', 'case-1')
            path = flat / 'patches_captions' / other
            assert (out / 'patches_captions' / tile).read_bytes() == path.read_bytes()
    before = (out / 'patches_captions' / tiles['b'][0]).stat().st_mtime_ns
    tile_slides([slides], out, settings, say=lambda line: None)
    assert (out / 'patches_captions' / tiles['b'][0]).stat().st_mtime_ns == before
    with pytest.raises(ValueError, match=r'slide folder, not prefix.*--out'):
        tile_slides([slides], out, SMALL, say=lambda line: None)


def test_folders_cut_before_there_was_a_layout_continue(slides, tmp_path):
    tile_slides([slides], tmp_path / 'out', SMALL, say=lambda line: None)
    path = tmp_path / 'out/tile.json'
    settings = json.loads(path.read_text())
    del settings['slide']
    path.write_text(json.dumps(settings))
    assert not tile_slides([slides], tmp_path / 'out', SMALL, say=print).failed


def test_a_random_subset_does_not_depend_on_other_slides(slides, tmp_path):
    some = TileSettings(patch_pixels=100, max_tiles=5)
    tile_slides([slides], tmp_path / 'both', some)
    tile_slides([slides / 'b.svs'], tmp_path / 'one', some)
    names = {name for name in patches(tmp_path / 'both') if name.startswith('b_')}
    assert names == set(patches(tmp_path / 'one'))
    assert len(names) == 5


@pytest.mark.parametrize('steps', [(1, 2, 4), (1,)])
def test_a_damaged_tile_is_missing_and_never_white(steps, tmp_path, capsys):
    """Of one level, the place is unread where tissue is looked for, too."""
    image = draw(boxes=((0, 0, 1536, 1024),))
    path = write_pyramid(tmp_path / 'a.tif', image, steps=steps)
    content = bytearray(path.read_bytes())
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        start, size = page.dataoffsets[8], page.databytecounts[8]
    content[start : start + size] = bytes(size)
    path.write_bytes(content)
    tiled = tile_slides([path], tmp_path / 'data', TileSettings(128, format='png'))
    row = tiled.rows[0]
    # Tile 8 of 6 a row lies at (512, 256): four tiles of 128 pixels.
    assert (row['tiles'], row['missing']) == (96 - 4, 4)
    assert '4 tiles cannot be read, at 512,256, 640,256' in row['note']
    for image in (tmp_path / 'data' / 'patches_captions').iterdir():
        assert np.asarray(Image.open(image)).max() < 230


def test_inside_an_annotation_of_qupath(tmp_path):
    path = write_leica(tmp_path / 'a.scn', draw(boxes=((0, 0, 1536, 1024),)))
    square = [[240, 104], [1008, 104], [1008, 872], [240, 872], [240, 104]]
    feature = {
        'type': 'Feature',
        'geometry': {'type': 'Polygon', 'coordinates': [square]},
        'properties': {'objectType': 'annotation'},
    }
    roi = tmp_path / 'a.geojson'
    roi.write_text(json.dumps({'type': 'FeatureCollection', 'features': [feature]}))
    tiled = tile_slides([path], tmp_path / 'data', TileSettings(128), roi=roi)
    # QuPath counts from the scanned area, at (2000, 3000).
    places = [name[:-4].split('_')[1:] for name in tiled.rows[0]['names']]
    x, y = np.array(places, int).T
    assert (x.min(), y.min()) == (2240, 3104)
    assert (len(x), x.max() + 256, y.max() + 256) == (9, 3008, 3872)


def test_the_outline_of_a_slide_with_bounds_goes_back_in(tmp_path):
    path = write_leica(tmp_path / 'a.scn', draw(boxes=((256, 256, 768, 512),)))
    settings = TileSettings(64)
    first = tile_slides([path], tmp_path / 'found', settings, say=str)
    outline = tmp_path / 'found/outlines/a.geojson'
    content = json.loads(outline.read_text())
    corners = content['features'][0]['geometry']['coordinates'][0]
    assert np.min(corners, 0) == pytest.approx([256, 256], abs=32)  # as QuPath counts
    assert np.max(corners, 0) == pytest.approx([1024, 768], abs=32)
    again = tile_slides([path], tmp_path / 'drawn', settings, roi=outline, say=str)
    assert again.rows[0]['names'] == first.rows[0]['names']
    assert first.rows[0]['tiles'] >= 6 * 4


def test_a_full_disk_ends_the_run(slides, tmp_path, monkeypatch):
    from cite.apis.tile import write_tiles

    def full(path, pixels):
        raise OSError(28, 'No space left on device', str(path))

    monkeypatch.setattr(write_tiles, 'write_image', full)
    with pytest.raises(OSError, match='No space left'):
        tile_slides([slides], tmp_path / 'data', SMALL)


def test_what_a_killed_run_left_is_removed(tmp_path):
    out = tmp_path / 'data'
    left = ['tile.json', 'slides.csv', 'done/a.json', 'patches_captions/a_0_0.png']
    for name in left:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / f'{name}.0123abcd.partial').write_bytes(b'{')
    (out / 'download.partial').write_text('of something else')
    tile_slides([write_pyramid(tmp_path / 'a.tif', draw())], out, SMALL, say=str)
    assert [*out.rglob('*.partial')] == [out / 'download.partial']


def test_no_patient_data_in_any_output(tmp_path):
    path = write_patient_slide(tmp_path / 'a.svs', draw())
    write_patient_slide(tmp_path / 'b.svs', draw(), mpp='')
    lines = []
    tiled = tile_slides(
        [path, tmp_path / 'b.svs'], tmp_path / 'data', SMALL, say=lines.append
    )
    printed = ' '.join([*lines, str(tiled)])
    assert require_no_patient(tmp_path / 'data', printed) >= {'.csv', '.png', '.jpg'}


def test_the_folder_is_divided_and_checked(tmp_path, capsys):
    slides = tmp_path / 'slides'
    slides.mkdir()
    for i in range(8):
        image = draw(700, 500, ((50, 50, 600, 400),), (185 - 3 * i, 105, 160))
        write_pyramid(slides / f's_{i}.tif', image, steps=(1, 2))
    out = tmp_path / 'data'
    environment = {**os.environ, 'PYTHONWARNINGS': 'ignore'}
    command = [sys.executable, '-m', 'cite', 'tile', str(slides), '--out', str(out)]
    done = subprocess.run(
        [*command, '--patch-pixels', '100'],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1].startswith('192 tiles of 8 slides in ')
    rows = [f's-{i},{"ab"[i % 2]},text {i}\n' for i in range(8)]
    (out / 'captions.csv').write_text('id,subtype,text\n' + ''.join(rows))
    from cite.apis.split.split import make_split

    split = make_split(data_path=out, classes={'a': ['a'], 'b': ['b']}, shots=[1])
    lines = {line for file in split.files for line in file.read_text().splitlines()}
    assert {line.split()[0] for line in lines} == set(patches(out))
    from cite.apis.check import Options, check_config

    config = tmp_path / 'config.py'
    files = {path.stem: path for path in split.files}
    evaluation = next(name for name in files if name.startswith('val'))
    train = next(name for name in files if name.startswith('train_all'))
    config.write_text(
        CONFIG.format(folder=out, train=files[train], val=files[evaluation])
    )
    report = check_config(str(config), Options(workers=0))
    # One slide of each class is trained on.
    assert {problem.kind for problem in report.problems} == {'random weights', 'slides'}
    assert report.facts['images'] == '192 of 192 decoded'


def test_the_real_region(tmp_path):
    tiled = tile_slides([real_slide('CMU-1-Small-Region.svs')], tmp_path / 'data')
    row = tiled.rows[0]
    assert row['mpp'] == 0.499
    assert 15 <= row['tiles'] <= 30
    assert 0.4 < row['tissue_mm2'] < 0.8
