"""Tiles show the known squares of a slide, to the pixel, at each level and scale."""

import numpy as np
import pytest
from slide_files import write_aperio, write_leica, write_pyramid

from cite.slides import TileError, Tissue, make_grid, open_slide, read_tile
from cite.slides.grid import Grid, choose_level


def board(width, height, edge, downsample=1.0):
    """Draw squares of ``edge`` pixels of level 0, whose colour tells which they are."""
    columns = ((np.arange(round(width / downsample)) + 0.5) * downsample // edge) % 16
    rows = ((np.arange(round(height / downsample)) + 0.5) * downsample // edge) % 16
    image = np.empty((len(rows), len(columns), 3), np.uint8)
    image[..., 0] = 8 + 12 * columns
    image[..., 1] = 8 + 12 * rows[:, None]
    image[..., 2] = 100
    return image


def whole(reader, mask_edge=16.0):
    """Take a whole slide for tissue."""
    width, height = (int(-(-side // mask_edge)) for side in reader.dimensions)
    mask = np.ones((height, width), bool)
    return Tissue(mask, mask_edge, np.zeros((height, width, 3), np.uint8), 1.0)


def check(slide, grid, edge):
    """Each tile is one square, without a pixel of its neighbours."""
    assert len(grid) > 10
    for i in range(len(grid)):
        tile = read_tile(slide, grid, i)
        square = [
            8 + 12 * int(grid.x[i] // edge % 16),
            8 + 12 * int(grid.y[i] // edge % 16),
        ]
        assert tile.shape == (grid.patch_pixels, grid.patch_pixels, 3)
        assert (tile[..., :2] == square).all(), (i, grid.x[i], grid.y[i])


@pytest.mark.parametrize(
    ('scan', 'target', 'level'),
    [(0.25, 0.25, 0), (0.25, 0.5, 1), (0.5, 0.5, 0), (0.25, 1.0, 2), (0.125, 0.5, 2)],
)
def test_each_square_is_a_tile(scan, target, level, tmp_path):
    edge = round(64 * target / scan)
    image = board(1536, 1024, edge)
    with open_slide(write_pyramid(tmp_path / 'a.tif', image, scan)) as slide:
        grid = make_grid(slide, whole(slide), 64, target)
        assert (grid.level, grid.size) == (level, edge)
        assert grid.x[1] - grid.x[0] == edge
        check(slide, grid, edge)


def test_a_scale_of_0_499_does_not_drift(tmp_path):
    # 300 pixels of 0.5 microns are 300.6 pixels of 0.499: tile i starts at 300.6 i.
    image = board(6400, 1300, 300 * 0.5 / 0.499)
    path = write_aperio(tmp_path / 'a.svs', image, 'AppMag = 20|MPP = 0.4990')
    with open_slide(path) as slide:
        grid = make_grid(slide, whole(slide))
        row = grid.x[grid.y == 0]
        assert grid.size == 301
        assert np.array_equal(row, np.rint(np.arange(len(row)) * 300.6012))
        assert row[20] == 6012  # 6020 if the rounded edge added up
        for i in np.flatnonzero(grid.y == 0):
            tile = read_tile(slide, grid, int(i))[4:-4, 4:-4]
            assert (tile[..., 0] == 8 + 12 * (round(grid.x[i] / 300.6) % 16)).all()


def test_a_tile_of_a_broken_number_of_pixels_ends_where_it_should(tmp_path):
    """43 pixels of level 0 are 21.5 of level 1; of the 22nd a half belongs to it."""
    ramp = np.zeros((256, 512, 3), np.uint8)
    ramp[:] = (np.arange(512) % 48 * 5)[None, :, None]
    with open_slide(write_pyramid(tmp_path / 'a.tif', ramp, 0.25, (1, 2))) as slide:
        grid = Grid(np.array([48]), np.array([0]), 43, 20, 0.5375, 1)
        tile = read_tile(slide, grid, 0)[:, 4:16].astype(float)
        middles = (np.arange(4, 16) + 0.5) * 21.5 / 20 - 0.5  # in pixels of level 1
        assert abs(tile - 10 * middles[:, None]).max() < 1


def test_a_level_of_2_0005_does_not_drift(tmp_path):
    image = board(8002, 4001, 128)
    level = board(8002, 4001, 128, 2.0005)
    text = 'AppMag = 40|MPP = 0.2500'
    path = write_aperio(tmp_path / 'a.svs', image, text, [level])
    with open_slide(path) as slide:
        assert slide.downsamples[1] == pytest.approx(2.0005)
        grid = make_grid(slide, whole(slide), 64)
        assert (grid.level, grid.size) == (1, 128)
        last = int(np.argmax(grid.x))
        assert grid.x[last] == 61 * 128  # 7808: a drift of 0.0005 would be 4 pixels
        for i in (0, 30, last):
            tile = read_tile(slide, grid, i)[2:-2, 2:-2]
            square = 8 + 12 * (int(grid.x[i]) // 128 % 16)
            assert (tile[..., 0] == square).all()


def test_a_slide_with_bounds_keeps_level_0(tmp_path):
    image = board(1536, 1024, 128)
    with open_slide(write_leica(tmp_path / 'a.scn', image)) as slide:
        x, y = np.array([2000, 2128]), np.array([3000, 3256])
        grid = Grid(x, y, 128, 64, 0.5, 1)
        first = read_tile(slide, grid, 0)
        assert (first[..., :2] == (8, 8)).all()
        assert (read_tile(slide, grid, 1)[..., :2] == (20, 32)).all()
        outside = Grid(np.array([100]), np.array([100]), 128, 64, 0.5, 1)
        assert (read_tile(slide, outside, 0) == 255).all()


def test_the_grid_is_row_major_equal_each_time_and_shifts_by_half(tmp_path):
    image = board(1536, 1024, 128)
    with open_slide(write_pyramid(tmp_path / 'a.tif', image)) as slide:
        tissue = whole(slide)
        grid = make_grid(slide, tissue, 128)
        assert np.array_equal(np.lexsort((grid.x, grid.y)), np.arange(len(grid)))
        assert grid.digest() == make_grid(slide, tissue, 128).digest()
        half = make_grid(slide, tissue, 128, offset=(0.5, 0.5))
        assert half.digest() != grid.digest()
        assert set(half.x % 128) == {64}
        assert len(make_grid(slide, tissue, 128, stride=0.5)) == 23 * 15
        for bad in ({'patch_pixels': 0}, {'mpp': 0}, {'stride': 0}, {'min_tissue': 2}):
            with pytest.raises(ValueError, match=next(iter(bad))):
                make_grid(slide, tissue, **bad)


def test_a_tile_counts_by_its_share_of_tissue(tmp_path):
    image = board(1536, 1024, 128)
    with open_slide(write_pyramid(tmp_path / 'a.tif', image)) as slide:
        tissue = whole(slide)
        tissue.mask[:, 32:] = False  # from x = 512
        assert tissue.shares(np.array([400]), np.array([0]), 128) == [112 / 128]
        assert tissue.shares(np.array([448, 461]), np.array([0, 9]), 128).tolist() == [
            0.5,
            51 / 128,
        ]
        tissue = whole(slide)
        tissue.mask[:, 36:] = False  # half of the fifth tile
        assert make_grid(slide, tissue, 128).x.max() == 512
        assert make_grid(slide, tissue, 128, min_tissue=0.6).x.max() == 384


def test_scale_is_never_the_magnification(tmp_path):
    path = write_aperio(tmp_path / 'a.svs', board(1536, 1024, 64), 'AppMag = 40')
    with pytest.raises(ValueError, match='how many microns'):
        open_slide(path)
    dpi = write_pyramid(tmp_path / 'a.tif', board(1536, 1024, 64), mpp=352.8)
    with pytest.raises(ValueError, match=r'352\.8, which no scanner has'):
        open_slide(dpi)
    for mpp in (0, -1, float('nan'), 20, 40, 1e9):
        with pytest.raises(ValueError, match='mpp'):
            open_slide(dpi, mpp)


def test_the_level_may_be_a_hundredth_coarser():
    class Reader:
        mpp, downsamples = 0.25, (1.0, 2.0005, 4.1)

    assert choose_level(Reader, 0.5) == 1
    assert choose_level(Reader, 1.0) == 1
    assert choose_level(Reader, 0.49) == 0
    assert choose_level(Reader, 0.1) == 0


def test_memory_does_not_grow_with_tiles(tmp_path):
    import gc
    import resource

    image = board(1536, 1024, 128)
    with open_slide(write_pyramid(tmp_path / 'a.tif', image)) as slide:
        grid = make_grid(slide, whole(slide), 128)

        def read(times):
            for i in range(times):
                read_tile(slide, grid, i % len(grid))
            gc.collect()
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        before = read(500)
        assert read(4000) < 1.02 * before


def test_an_error_does_not_break_the_reader_nor_leak_handles(tmp_path):
    import os

    import tifffile

    path = write_pyramid(tmp_path / 'a.tif', board(1536, 1024, 128))
    with tifffile.TiffFile(path) as file:
        start = file.pages[0].dataoffsets[0]
        size = file.pages[0].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start : start + size] = bytes(size)
    path.write_bytes(content)
    with open_slide(path) as slide:
        grid = make_grid(slide, whole(slide), 128)
        handles = len(os.listdir('/proc/self/fd'))
        for _ in range(20):
            with pytest.raises(TileError, match='the tile at 0, 0: ') as error:
                read_tile(slide, grid, 0)
            assert (error.value.x, error.value.name) == (0, 'a')
            assert (read_tile(slide, grid, 5)[..., 0] == 8 + 12 * 5).all()
        assert len(os.listdir('/proc/self/fd')) <= handles
        path.unlink()
        with pytest.raises(ValueError, match='no longer there'):
            read_tile(slide, grid, 0)
