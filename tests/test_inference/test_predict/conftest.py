"""A tiny exported model and slides of two colours, made once."""

from types import SimpleNamespace

import pytest
from passed_model import make_run
from slide_files import draw, write_pyramid
from tiny_training import make_data

PATCH = 64  # pixels of a patch at 0.5 µm


@pytest.fixture(scope='session')
def passed(tmp_path_factory):
    """Return ``data``, ``config``, ``checkpoint`` and ``model``, an exported folder."""
    from cite.inference.model_folder.export import export_model

    folder = tmp_path_factory.mktemp('passed')
    data = make_data(folder / 'data')
    run = make_run(data, folder / 'run')
    config, checkpoint = str(run / 'config.py'), str(run / 'latest.pth')
    sizes = {
        f'data.{part}.{key}': value
        for part in ('train', 'val', 'test')
        for key, value in (('patch_pixels', PATCH), ('mpp', 0.5))
    }
    model = export_model(config, checkpoint, folder / 'model', sizes)
    return SimpleNamespace(data=data, config=config, checkpoint=checkpoint, model=model)


@pytest.fixture(scope='session')
def predictor(passed):
    """Return the tiny model at work."""
    from cite.inference.predictor import Predictor

    return Predictor(passed.model, 'cpu')


@pytest.fixture(scope='session')
def slide(tmp_path_factory):
    """Return a slide with two pieces of tissue, 0.5 µm a pixel, three levels."""
    folder = tmp_path_factory.mktemp('slides')
    boxes = ((128, 128, 320, 256), (640, 320, 256, 192))
    return write_pyramid(folder / 'two_pieces.tiff', draw(1024, 768, boxes))
