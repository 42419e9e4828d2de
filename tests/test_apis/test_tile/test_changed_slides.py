"""A slide that is deleted, cut, replaced or written to while it is cut into tiles."""

import json
import os
import re

import pytest
from changing_slides import CHANGED, CHANGES, WORDS
from kills import fork
from slide_files import draw, write_pyramid

from cite.apis.tile import TileSettings, tile_slides, write_tiles

SMALL = TileSettings(patch_pixels=64, format='png')


@pytest.fixture
def slides(tmp_path):
    """Return a folder of two slides, and another slide with the tissue of the first."""
    folder = tmp_path / 'slides'
    folder.mkdir()
    write_pyramid(folder / 'a.tiff', draw(1024, 768, ((64, 64, 896, 640),)))
    write_pyramid(folder / 'b.tiff', draw(512, 384, ((64, 64, 256, 192),)))
    dark = draw(1024, 768, ((64, 64, 896, 640),), (105, 60, 130))
    write_pyramid(tmp_path / 'other.tiff', dark)
    return folder


@pytest.fixture
def after_tiles(monkeypatch):
    """Return a function that has something happen once some tiles are written."""

    def once(work, tiles=20):
        write, count = write_tiles.write_image, iter(range(1, 10_000))

        def then(path, pixels):
            write(path, pixels)
            if next(count) == tiles:
                work()

        monkeypatch.setattr(write_tiles, 'write_image', then)

    return once


def tile(slides, out, workers=1, **how):
    return tile_slides([slides], out, SMALL, workers=workers, say=str, **how)


def tiles_of(out):
    return {path.name: path.read_bytes() for path in out.glob('patches_captions/*')}


@pytest.mark.parametrize('workers', [1, 3])
@pytest.mark.parametrize('change', CHANGES)
def test_it_fails_alone_and_leaves_no_tile(
    change, workers, slides, after_tiles, tmp_path
):
    first, other, out = slides / 'a.tiff', tmp_path / 'other.tiff', tmp_path / 'out'
    after_tiles(lambda: CHANGES[change](first, other))
    tiled = tile(slides, out, workers)
    assert [*tiled.failed] == [str(first)]
    assert re.search(WORDS.get(change, CHANGED), tiled.failed[str(first)])
    assert [row['id'] for row in tiled.rows] == ['b']
    assert {name.partition('_')[0] for name in tiles_of(out)} == {'b'}
    if change in ('replace', 'overwrite'):
        assert not tile(slides, out).failed
        assert not tile(slides, tmp_path / 'fresh').failed
        assert tiles_of(out) == tiles_of(tmp_path / 'fresh')


def kill_after_tiles(work):
    """Run a function in a process that dies from what it runs into."""
    _, status = os.waitpid(fork(work), 0)
    assert os.WIFSIGNALED(status)


def die():
    os.kill(os.getpid(), 9)


def test_tiles_of_a_killed_run_are_kept_for_the_same_file_alone(
    slides, after_tiles, tmp_path, monkeypatch
):
    out = tmp_path / 'out'
    after_tiles(die)
    kill_after_tiles(lambda: tile(slides, out))
    monkeypatch.undo()
    before = tiles_of(out)
    assert before
    CHANGES['replace'](slides / 'a.tiff', tmp_path / 'other.tiff')
    assert not tile(slides, out).failed
    assert not tile(slides, tmp_path / 'fresh').failed
    assert tiles_of(out) == tiles_of(tmp_path / 'fresh')
    assert all(tiles_of(out)[name] != content for name, content in before.items())


def test_another_region_is_another_slide(slides, after_tiles, tmp_path, monkeypatch):
    def region(left):
        box = [(left, 64), (left + 400, 64), (left + 400, 464), (left, 464), (left, 64)]
        path = tmp_path / f'{left}.geojson'
        path.write_text(json.dumps({'type': 'Polygon', 'coordinates': [box]}))
        return path

    out, slide = tmp_path / 'out', slides / 'a.tiff'
    after_tiles(die)
    kill_after_tiles(lambda: tile(slide, out, roi=region(64)))
    monkeypatch.undo()
    assert not tile(slide, out, roi=region(350)).failed
    assert not tile(slide, tmp_path / 'fresh', roi=region(350)).failed
    assert tiles_of(out) == tiles_of(tmp_path / 'fresh')
    for other in (region(64), None):
        (reason,) = tile(slide, out, roi=other).failed.values()
        assert 'of another file, mpp or --roi' in reason
    assert tiles_of(out) == tiles_of(tmp_path / 'fresh')
