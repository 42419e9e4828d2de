"""Imports of a run whose text embeddings are cached."""

import json
import sys

import pytest
from commands import run

from benchmarks.models import make_bert, make_clip, our_config
from benchmarks.row import Workspace

# Importing each takes a tenth of a second or more, and such a run needs none of them.
UNUSED = (
    'IPython',
    'numba',
    'open_clip',
    'pandas',
    'peft',
    'scipy',
    'sklearn',
    'transformers',
)
START = """
import json, sys
import mmcls.apis, mmcls.models, cite
config = json.loads(sys.argv[1])
mmcls.models.build_classifier(config).head.encode_texts()
print('loaded:' + json.dumps(sorted(name for name in sys.modules if '.' not in name)))
"""


@pytest.fixture
def config(tmp_path):
    workspace = Workspace(tmp_path, small=True)
    make_clip(workspace)
    make_bert(workspace)
    return json.dumps(our_config(workspace))


def test_a_start_on_a_cache_hit_imports_nothing_that_it_does_not_use(config, tmp_path):
    def start():
        command = (sys.executable, '-c', START, config)
        printed = run(*command, CITE_CACHE=str(tmp_path / 'cache'))
        return json.loads(printed.split('loaded:')[1])

    assert 'transformers' in start()  # it computes the embeddings
    assert set(UNUSED).isdisjoint(start())
