"""Fixtures that tests of several rooms share: a small BERT, a cache, a Ray cluster."""

import importlib
import logging
import random
import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

_MADE_BY_MMCV = (logging.StreamHandler, logging.FileHandler)


def pytest_configure(config: pytest.Config) -> None:
    """Import cite, and with it torch, where tests run: not in xdist's first process.

    That one lets xdist's workers be forks, too.
    """
    import forked

    workers = config.getoption('dist', 'no') != 'no' and config.getoption('tx')
    if not workers or config.option.collectonly:
        importlib.import_module('cite')  # clip cannot be imported before it
        importlib.import_module('config_text').install()
        forked.usual()
    else:
        forked.share()
        python = shlex.quote(str(forked.python()))
        here = 'popen'  # a worker of this machine
        config.option.tx = [
            f'{here}//python={python}' if x == here else x for x in config.option.tx
        ]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Use a process more than there are cores: one often waits for what it started."""
    from forked import START  # as a file, without all of cite

    return runpy.run_path(str(START))['usable_cores']() + 1


@pytest.fixture(autouse=True)
def _as_if_alone() -> Iterator[None]:
    """Give each test fresh loggers, the same seed and the same environment.

    A fixture of a module that trains leaves its level and its file in the loggers. mmcv
    writes to the file of the first that it has made, of any name, closed or not. torch
    sets a variable when it looks for a GPU, and no later command could be a fork.
    """
    import numpy as np
    import torch
    from forked import kept_environment  # its own is as imports of cite leave it
    from mmcv.utils.logging import logger_initialized

    for name in logger_initialized:
        logger = logging.getLogger(name)
        for handler in [x for x in logger.handlers if type(x) in _MADE_BY_MMCV]:
            logger.removeHandler(handler)
            handler.close()
        logger.propagate, logger.disabled = True, False
        logger.setLevel(logging.WARNING if logger is logging.root else logging.NOTSET)
    logger_initialized.clear()
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)  # manual_seed asks for devices: 2 ms
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(0)
    with kept_environment():
        yield


@pytest.fixture
def forks(monkeypatch) -> None:
    """Let processes that the project starts with this Python be forks."""
    import forked

    monkeypatch.setattr(sys, 'executable', str(forked.python()))


@pytest.fixture(scope='session')
def forked_workers() -> Iterator[None]:
    """Let processes of multiprocessing, which start anew, be forks."""
    import forked

    with forked.workers():
        yield


@pytest.fixture
def text_cache(tmp_path, monkeypatch) -> Path:
    """Give a test its own folder for cached text embeddings."""
    from cite.models.text_encoders import cache

    folder = tmp_path / 'text-cache'
    monkeypatch.setenv('CITE_CACHE', str(folder))
    cache.forget()
    return folder


@pytest.fixture(scope='session')
def save_tiny_bert() -> Callable[..., Path]:
    """Return the function that writes a two-layer BERT, 32 wide, to a new folder."""
    from tiny_language_models import save_bert

    return save_bert


@pytest.fixture(scope='session')
def tiny_bert(tmp_path_factory, save_tiny_bert) -> Path:
    """Return the folder of a small BERT, which tests must not change."""
    return save_tiny_bert(tmp_path_factory.mktemp('models') / 'TinyBERT')


@pytest.fixture(scope='session')
def cluster() -> Iterator[str]:
    """Return the address of a Ray cluster, for RAY_ADDRESS; to start one takes seconds.

    test_predict_engines.py has the engine that starts its own.
    """
    pytest.importorskip('ray', reason='needs ray: pip install .[ray]')
    from ray_cluster import ray_cluster  # and with it forked, as above

    with ray_cluster() as address:
        yield address
