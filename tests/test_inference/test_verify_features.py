"""Others' features computed again: they fit, or what differs is named."""

import sys

import h5py
import numpy as np
import pytest
import tiny_training
from commands import attempt
from passed_model import make_run
from slide_files import draw, write_pyramid

from cite.core.image_stats import HALF
from cite.inference.image_pipeline import ImagePipeline
from cite.inference.model_folder.export import export_model
from cite.inference.predictor import Predictor
from cite.inference.verify_features import verify_features
from cite.slides import open_slide

CORNERS = np.array([[40, 32], [168, 32], [40, 160], [168, 160]])
MPP, EDGE, PATCH = 0.25, 128, 64  # EDGE pixels of MPP are PATCH of 0.5 µm


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp('model')
    data = tiny_training.make_data(folder / 'data')
    run = make_run(data, folder / 'run')
    parts = ('train', 'val', 'test')
    sizes = {f'data.{part}.patch_pixels': PATCH for part in parts}
    return export_model(
        run / 'config.py', run / 'latest.pth', folder / 'out', sizes, patches=0
    )


@pytest.fixture(scope='module')
def encoder(model):
    return Predictor(model, 'cpu')


@pytest.fixture(scope='module')
def slide(tmp_path_factory):
    """Return a slide on which no two tiles are alike."""
    rng = np.random.default_rng(0)
    image = draw(640, 512, ())
    coarse = rng.integers(60, 230, (64, 80, 3), dtype=np.uint8)
    image[:] = coarse.repeat(8, 0).repeat(8, 1)
    return write_pyramid(tmp_path_factory.mktemp('slide') / 'a.tiff', image, MPP)


def features_of(slide, encoder, edge=EDGE, stats=None):
    """Return the features of the tiles by another way than the package reads them."""
    from PIL import Image

    with open_slide(slide) as reader:
        read = [reader.read(x, y, 0, edge, edge) for x, y in CORNERS]
    # A level of half the size holds every second pixel, as tests/support draws it.
    tiles = [Image.fromarray(tile[::2, ::2]) for tile in read]
    pipeline = encoder.pipeline
    if stats is not None:
        image = encoder.model.config['image']
        other = {'mean': list(stats.mean), 'std': list(stats.std)}
        step = {'step': 'PatchGastricPipeline'}
        encoder.pipeline = ImagePipeline({**image, **other, **step})
    try:
        return encoder.embed_images(tiles)
    finally:
        encoder.pipeline = pipeline


def write(folder, slide, features, coords=CORNERS, size=EDGE):
    """Write TRIDENT's file, and a table that names the slide."""
    path = folder / 'features_uni' / 'a.h5'
    path.parent.mkdir()
    with h5py.File(path, 'w') as file:
        file['features'], file['coords'] = features, coords
        file['coords'].attrs['patch_size_level0'] = size
    table = folder / 'slides.csv'
    table.write_text(f'id,file,mpp,label\na,{slide},{MPP},tumour\n')
    return path.parent, table


def test_features_of_the_same_encoder_fit(slide, encoder, tmp_path):
    features = features_of(slide, encoder)
    verified = verify_features(*write(tmp_path, slide, features), encoder, 3)
    assert (verified.tiles, verified.slides, verified.differs) == (3, 1, '')
    assert verified.largest < 1e-5
    assert 'they fit' in str(verified)


def test_the_figures_are_those_of_a_known_change(slide, encoder, tmp_path):
    features = features_of(slide, encoder).astype(np.float64)
    size = np.sqrt((features**2).mean())
    moved = (features + 0.01 * size).astype(np.float32)
    verified = verify_features(*write(tmp_path, slide, moved), encoder, 9)
    assert verified.tiles == 4
    assert verified.largest == pytest.approx(0.01 * size, rel=0.01)
    assert verified.rms == pytest.approx(0.01 * size, rel=0.01)
    assert verified.relative == pytest.approx(0.01, rel=0.03)
    assert not verified.differs


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'coords': CORNERS * MPP}, 'the unit differs: coordinates are microns'),
        ({'coords': CORNERS // 2}, "coordinates are pixels of the tiles' scale"),
        ({'size': EDGE // 2}, 'the mpp differs: a tile is 2 times as wide'),
        ({'size': EDGE * 2}, 'the mpp differs: a tile is 0.5 times as wide'),
    ],
)
def test_a_place_that_is_stated_otherwise_is_named(
    change, words, slide, encoder, tmp_path
):
    features = features_of(slide, encoder)
    verified = verify_features(*write(tmp_path, slide, features, **change), encoder, 4)
    assert words in verified.differs
    assert verified.relative > 0.05


def test_another_normalisation_is_named(slide, encoder, tmp_path):
    features = features_of(slide, encoder, stats=HALF)
    verified = verify_features(*write(tmp_path, slide, features), encoder, 4)
    assert verified.differs.startswith('the normalisation differs: it is that by mean')


def test_another_encoder_is_named(slide, encoder, tmp_path):
    features = features_of(slide, encoder)[:, ::-1]
    verified = verify_features(*write(tmp_path, slide, features), encoder, 4)
    assert verified.differs.startswith('the encoder differs')


def test_the_command_ends_with_1_and_writes_nothing(model, slide, encoder, tmp_path):
    features = features_of(slide, encoder)
    folder, table = write(tmp_path, slide, features, size=EDGE * 2)
    command = [sys.executable, '-m', 'cite', 'import-features', folder]
    command += ['--table', table, '--out', tmp_path / 'f']
    done = attempt(*command, '--verify', '2', '--model', model)
    assert done.returncode == 1, done.stdout
    assert 'the mpp differs' in done.stdout
    assert 'Nothing was imported' in done.stdout
    assert not list(tmp_path.glob('f*.npy'))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ('narrow', 'features are 4 wide'),
        ('gone', 'no file of the column file is here'),
        ('zero', 'give 1 or more'),
    ],
)
def test_what_cannot_be_verified_says_why(change, message, slide, encoder, tmp_path):
    features = features_of(slide, encoder)
    features = features[:, :4] if change == 'narrow' else features
    path = 'none.tiff' if change == 'gone' else slide
    folder, table = write(tmp_path, path, features)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        verify_features(folder, table, encoder, int(change != 'zero'))
