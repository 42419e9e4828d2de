"""Fixtures that tests of several rooms share: a small BERT, a cache, a Ray cluster."""

import logging
import multiprocessing.spawn
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from tiny_language_models import save_bert

import cite  # noqa: F401  # clip cannot be imported before it: cite.start
from cite.start import usable_cores

_MADE_BY_MMCV = (logging.StreamHandler, logging.FileHandler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Use a process more than there are cores: one often waits for what it started."""
    return usable_cores() + 1


@pytest.fixture(autouse=True)
def _as_if_alone() -> Iterator[None]:
    """Give each test fresh loggers, the same seed and the same environment.

    A fixture of a module that trains leaves its level and its file in the loggers. mmcv
    writes to the file of the first that it has made, of any name, closed or not. torch
    sets a variable when it looks for a GPU, and no later command could be a fork.
    """
    from forked import kept_environment  # its own is as imports of cite leave it
    from mmcv.runner import set_random_seed
    from mmcv.utils.logging import logger_initialized

    for name in logger_initialized:
        logger = logging.getLogger(name)
        for handler in [x for x in logger.handlers if type(x) in _MADE_BY_MMCV]:
            logger.removeHandler(handler)
            handler.close()
        logger.propagate, logger.disabled = True, False
        logger.setLevel(logging.WARNING if logger is logging.root else logging.NOTSET)
    logger_initialized.clear()
    set_random_seed(0)
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

    kept = multiprocessing.spawn.get_executable()
    multiprocessing.set_executable(str(forked.python()))
    yield
    multiprocessing.set_executable(kept)


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
    return save_bert


@pytest.fixture(scope='session')
def tiny_bert(tmp_path_factory) -> Path:
    """Return the folder of a small BERT, which tests must not change."""
    return save_bert(tmp_path_factory.mktemp('models') / 'TinyBERT')


@pytest.fixture(scope='session')
def cluster() -> Iterator[str]:
    """Return the address of a Ray cluster, for RAY_ADDRESS; to start one takes seconds.

    test_predict_engines.py has the engine that starts its own.
    """
    pytest.importorskip('ray', reason='needs ray: pip install .[ray]')
    from ray_cluster import ray_cluster  # and with it forked, as above

    with ray_cluster() as address:
        yield address
