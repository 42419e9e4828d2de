"""Slides are opened, their scale is found, and their pixels are read."""

import pickle
import shutil
import time
from contextlib import suppress

import numpy as np
import pytest
import tifffile
from changing_slides import CHANGES
from PIL import EpsImagePlugin, Image
from slide_files import draw, real_slide, write_aperio, write_leica, write_pyramid

from cite.slides import find_slides, find_tissue, make_grid, open_slide, read_tile
from cite.slides.file_state import FileState
from cite.slides.scale import find_mpp


def test_no_program_is_started_for_a_slide(tmp_path, monkeypatch):
    gs = tmp_path / 'bin/gs'
    gs.parent.mkdir()
    gs.write_text(f'#!/bin/sh\ntouch {tmp_path}/started\n')
    gs.chmod(0o755)
    monkeypatch.setenv('PATH', f'{gs.parent}:/usr/bin:/bin')
    monkeypatch.setattr(EpsImagePlugin, 'gs_binary', None)
    path = tmp_path / 'a.png'
    path.write_bytes(b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EOF\n')
    with Image.open(path) as image, suppress(OSError):
        image.load()
    assert (tmp_path / 'started').exists()  # the trap is one
    (tmp_path / 'started').unlink()
    with pytest.raises(ValueError, match=r'a\.png: neither .* JPEG, PNG'):
        open_slide(path, mpp=0.5)
    assert not (tmp_path / 'started').exists()


def dicom_head(series):
    """Return the bytes around a series' UID in a DICOM file."""
    uid = series.encode()
    return b'DICM' + bytes(99) + b'\x20\x00\x0e\x00UI' + bytes([len(uid), 0]) + uid


SLIDES_OF_SEVERAL_FILES = {
    'a.mrxs': {'a/Data0001.dat': b'x', 'a/Slidedat.ini': b'x'},
    'a.vms': {'a-1.jpg': b'x', 'a.opt': b'x'},
    'a.dcm': {'b.dcm': dicom_head('1.2.3'), 'c.DCM': dicom_head('1.2.3')},
}
BESIDE = {'other.dcm': dicom_head('1.2.4'), 'b-1.jpg': b'x', 'b/Data0001.dat': b'x'}
NAMED = {
    'a.vms': b'[Virtual]\nNoLayers=1\nImageFile=a-1.jpg\nOptimisationFile=a.opt\n',
    'a.dcm': dicom_head('1.2.3'),
}


@pytest.mark.parametrize(
    ('change', 'word'),
    [('delete', 'no longer there'), ('cut_short', 'changed while'), ('empty', 'chan')],
)
@pytest.mark.parametrize('name', ['a.tiff', 'a.png'])
def test_a_file_that_changes_between_the_look_and_the_opening(
    name, change, word, tmp_path, monkeypatch
):
    path = tmp_path / name
    if name == 'a.tiff':
        write_pyramid(path, draw(512, 384, ((64, 64, 256, 192),)))
    else:
        Image.new('RGB', (64, 64)).save(path)
    reader = open_slide(path, mpp=0.5)
    kind, look = type(reader), type(reader).require_unchanged
    reader.close()

    def then(reader):
        monkeypatch.setattr(kind, 'require_unchanged', look)
        look(reader)
        if change == 'empty':
            path.write_bytes(b'')
        else:
            CHANGES[change](path, None)

    monkeypatch.setattr(kind, 'require_unchanged', then)
    with pytest.raises(ValueError, match=word):
        reader.read(0, 0, 0, 16, 16)


@pytest.mark.parametrize('name', SLIDES_OF_SEVERAL_FILES)
def test_all_files_of_a_slide_are_watched(name, tmp_path):
    parts = SLIDES_OF_SEVERAL_FILES[name]
    files = {name: NAMED.get(name, b'x'), **parts, **BESIDE}
    for file, data in files.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(data)
    path = tmp_path / name
    state = FileState.of(path)
    for file in BESIDE:  # of other slides
        (tmp_path / file).write_bytes(b'changed')
    state.require_same(path)
    for file, data in parts.items():
        (tmp_path / file).write_bytes(data + b'more')
        with pytest.raises(ValueError, match='changed while it was being read'):
            state.require_same(path)
        (tmp_path / file).unlink()
        with pytest.raises(ValueError, match='changed while it was being read'):
            state.require_same(path)
        (tmp_path / file).write_bytes(data)
        state = FileState.of(path)


def test_a_dicom_slides_other_level_is_watched(tmp_path):
    for name in ('osp_boxes_0.dcm', 'osp_boxes_1.dcm'):
        shutil.copy(real_slide(name), tmp_path / name)
    with open_slide(tmp_path / 'osp_boxes_0.dcm') as slide:
        slide.require_unchanged()
        (tmp_path / 'osp_boxes_1.dcm').touch()
        with pytest.raises(ValueError, match='changed while it was being read'):
            slide.require_unchanged()


def test_a_slide_of_more_pixels_than_slides_have(tmp_path):
    path = write_pyramid(tmp_path / 'a.tiff', draw())
    with open_slide(path, mpp=8) as reader:
        find_tissue(reader)
        reader.levels = ((2**31, 2**31),)
        with pytest.raises(ValueError, match=r'a\.tiff claims .* more than any slide'):
            find_tissue(reader)


def test_a_generic_pyramid(tmp_path):
    image = draw()
    path = write_pyramid(tmp_path / 'a.tif', image)
    with open_slide(path) as slide:
        assert slide.name == 'a'
        assert slide.dimensions == (1536, 1024)
        assert slide.mpp == pytest.approx(0.5)
        assert slide.mpp_source == 'openslide'
        assert slide.downsamples == (1, 2, 4)
        assert slide.levels == ((1536, 1024), (768, 512), (384, 256))
        assert slide.bounds is None
        assert slide.vendor == 'generic-tiff'
        assert 'OpenSlide 4' in slide.reader
        assert len(slide.quickhash) == 64
        assert np.array_equal(slide.read(301, 203, 0, 40, 30), image[203:233, 301:341])
        again = pickle.loads(pickle.dumps(slide))
        assert np.array_equal(
            again.read(400, 300, 1, 9, 9), image[300:318:2, 400:418:2]
        )
        again.close()


def test_a_plain_image_is_a_slide_of_one_level(tmp_path):
    pixels = draw(200, 100, boxes=())
    Image.fromarray(pixels).save(tmp_path / 'core.png')
    with open_slide(tmp_path / 'core.png', mpp=0.5) as slide:
        assert slide.dimensions == (200, 100)
        assert slide.mpp_source == 'override'
        region = slide.read(190, 90, 0, 20, 20)
        assert (region[:10, :10] == 242).all()
        assert (region[10:] == 255).all()
    with pytest.raises(ValueError, match=r'core.png: .* how many microns .* --mpp'):
        open_slide(tmp_path / 'core.png')


def test_transparent_surroundings_are_white(tmp_path):
    path = write_leica(tmp_path / 'a.scn', draw())
    with open_slide(path) as slide:
        assert slide.bounds == (2000, 3000, 1536, 1024)
        assert (slide.read(0, 0, 0, 64, 64) == 255).all()
        region = slide.read(1968, 3100, 0, 64, 64)
        assert (region[:, :31] == 255).all()
        assert (region[:, 33:] == 242).all()


def test_tissue_and_tiles_of_a_known_box(tmp_path):
    image = draw(boxes=((320, 256, 960, 512),))
    path = write_pyramid(tmp_path / 'a.tif', image)
    with open_slide(path) as slide:
        tissue = find_tissue(slide)
        assert tissue.box == (320, 256, 1280, 768)
        assert tissue.area_mm2 == pytest.approx(0.48 * 0.256)
        ring = tissue.polygons()[0]
        corners = {(320, 256), (1280, 256), (1280, 768), (320, 768)}
        assert set(map(tuple, ring.tolist())) == corners
        assert tuple(ring[0]) == tuple(ring[-1])
        grid = make_grid(slide, tissue, patch_pixels=160)
        assert len(grid) == 6 * 3
        assert grid.level == 0
        assert grid.size == 160
        assert sorted(zip(grid.y, grid.x)) == list(zip(grid.y, grid.x))
        x, y = int(grid.x[7]), int(grid.y[7])
        assert (x, y) == (480, 416)
        tile = read_tile(slide, grid, 7)
        assert np.array_equal(tile, image[y : y + 160, x : x + 160])


def test_folders_are_searched(tmp_path):
    for name in ('b_1.svs', 'a.svs', 'sub/c.tif', '.hidden.svs', 'notes.txt', 'a.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    slides = find_slides(tmp_path)
    assert [slide.id for slide in slides] == ['a', 'b-1', 'c']
    (tmp_path / 'sub' / 'b 1.tif').touch()
    with pytest.raises(ValueError, match='the id b-1'):
        find_slides([tmp_path])
    with pytest.raises(FileNotFoundError, match='no such slide'):
        find_slides([tmp_path / 'd.svs'])


@pytest.mark.parametrize(
    ('name', 'mpp', 'vendor', 'size'),
    [
        ('CMU-1-Small-Region.svs', None, 'aperio', (2220, 2967)),
        ('TCGA-CR-7395-01A-01-TS1.svs', 0.25, 'aperio', (4443, 3567)),
        ('libdicom_sm_image.dcm', 0.5, 'dicom', (50, 50)),
        ('kidney_48_5.tif', 2.0, 'image', (1493, 901)),
    ],
)
def test_real_files(name, mpp, vendor, size):
    with open_slide(real_slide(name), mpp) as slide:
        assert (slide.vendor, slide.dimensions) == (vendor, size)
        assert slide.read(0, 0, 0, 40, 30).shape == (30, 40, 3)


def test_an_aperio_file_says_its_scale(tmp_path):
    with open_slide(write_aperio(tmp_path / 'a.svs', draw())) as slide:
        assert (slide.mpp, slide.mpp_source) == (0.25, 'openslide')


@pytest.mark.parametrize('tile', [None, (256, 256)], ids=['image', 'slide'])
@pytest.mark.parametrize(
    'size',
    [
        'PhysicalSizeX="0.25" PhysicalSizeXUnit="µm" PhysicalSizeY="0.25" '
        'PhysicalSizeYUnit="μm"',  # a Greek letter, as some write it
        "PhysicalSizeX='0.25' PhysicalSizeXUnit='&#181;m'",
        'PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.25"',
        'PhysicalSizeX="7" PhysicalSizeXUnit="pixel" PhysicalSizeY="0.25"',
    ],
)
def test_ome_states_the_scale_of_each_image_and_the_first_is_the_slide(
    size, tile, tmp_path
):
    macro = 'PhysicalSizeX="8" PhysicalSizeXUnit="µm" PhysicalSizeY="8"'
    images = ''.join(
        f'<Image><InstrumentRef ID="i"/><Pixels SizeX="1536" {each}/></Image>'
        for each in (size, macro)
    )
    says = f'<OME>{images}</OME>'.encode()
    path = tmp_path / 'a.ome.tif'
    tifffile.imwrite(
        path, draw(), description=says, metadata=None, photometric='rgb', tile=tile
    )
    with open_slide(path) as slide:
        assert (slide.mpp, slide.mpp_source) == (0.25, 'vendor text')


@pytest.mark.parametrize(
    'name', ['a.webp', 'B.JP2', 'c.PNG', 'd.jfif', 'e.ppm', 'f.BMP']
)
def test_plain_images_of_every_format_of_patches_are_found(tmp_path, name):
    image = Image.new('RGB', (64, 48), (200, 100, 150))
    kinds = {'jp2': 'JPEG2000', 'jfif': 'JPEG', 'ppm': 'PPM'}
    ending = name.lower().rpartition('.')[2]
    image.save(tmp_path / name, kinds.get(ending, ending.upper()))
    (slide,) = find_slides(tmp_path)
    with open_slide(slide.path, mpp=0.5) as reader:
        assert reader.dimensions == (64, 48)
    with pytest.raises(ValueError, match=r'If it is a patch of a slide, name it'):
        open_slide(slide.path)


def test_plain_images_beside_a_slide_are_its_pictures(tmp_path):
    write_pyramid(
        tmp_path / 'a.tiff', draw(512, 384, ((16, 16, 480, 352),)), steps=(1,)
    )
    Image.new('RGB', (64, 48)).save(tmp_path / 'macro.webp')
    assert [slide.path.name for slide in find_slides(tmp_path)] == ['a.tiff']


def test_a_text_of_many_openings_is_read_soon():
    start = time.monotonic()
    with pytest.raises(ValueError, match='how many microns'):
        find_mpp({'tiff.ImageDescription': '<Pixels ' * 300_000}, 'a.tif')
    assert time.monotonic() - start < 5  # minutes, if each were searched to the end
