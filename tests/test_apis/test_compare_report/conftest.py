import numpy as np
import pytest
from made_up_comparison import make_comparison

from cite.apis.compare.report_all import write_all

SMALL = dict(
    slides=60,
    methods=('cite', 'linear', 'abmil', 'zeroshot'),
    shots=(1, 4, 'all'),
    draws=2,
    resamples=200,
    pictures=6,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope='session')
def written(tmp_path_factory):
    """Return a small comparison's folder with its tables and report."""
    out = make_comparison(tmp_path_factory.mktemp('compare') / 'out', **SMALL)
    write_all(out)
    return out
