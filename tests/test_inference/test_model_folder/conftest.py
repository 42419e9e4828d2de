import os

import pytest
import tiny_training
from passed_model import make_run

from cite.inference.model_folder.export import export_model


@pytest.fixture(scope='session')
def data(tmp_path_factory):
    os.environ.setdefault('CITE_CACHE', 'off')
    return tiny_training.make_data(tmp_path_factory.mktemp('passed') / 'data')


@pytest.fixture(scope='session')
def run(data, tmp_path_factory):
    """Return the folder of a run with prompt, neck and texts."""
    return make_run(data, tmp_path_factory.mktemp('passed') / 'run')


@pytest.fixture(scope='session')
def exported(run, tmp_path_factory):
    """Return its model folder, which tests must not change."""
    out = tmp_path_factory.mktemp('passed') / 'model'
    return export_model(run / 'config.py', run / 'latest.pth', out)
