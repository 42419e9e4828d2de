"""Fixtures that tests of several rooms share: a small BERT, a cache, a Ray cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from ray_cluster import ray_cluster
from tiny_language_models import save_bert

import cite  # noqa: F401  # clip cannot be imported before it: cite.start


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
