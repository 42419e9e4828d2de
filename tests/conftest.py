"""Fixtures that tests of several rooms share: a small BERT, a cache, a Ray cluster."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from ray_cluster import ray_cluster
from tiny_language_models import save_bert

import cite  # noqa: F401  # clip cannot be imported before it: cite.start


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    """Give each test mmcls' and mmcv's loggers as they were, without files."""
    from mmcv.utils.logging import logger_initialized

    loggers = [logging.getLogger(name) for name in ('mmcls', 'mmcv')]
    before = [(x.handlers[:], x.propagate, x.level, x.disabled) for x in loggers]
    initialized = {**logger_initialized}
    yield
    for logger, (handlers, propagate, level, disabled) in zip(loggers, before):
        logger.handlers[:] = [
            x for x in handlers if not isinstance(x, logging.FileHandler)
        ]
        logger.propagate, logger.disabled = propagate, disabled
        logger.setLevel(level)
    logger_initialized.clear()
    logger_initialized.update(initialized)


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
    with ray_cluster() as address:
        yield address
