"""What a command and a run import: nothing that they do not use."""

import json
import sys

import numpy as np
import pytest
from commands import ROOT, run
from PIL import Image

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
import torch
print('device chosen:', torch.cuda.is_initialized())
print('loaded:' + json.dumps(sorted(name for name in sys.modules if '.' not in name)))
"""


@pytest.fixture
def config(tmp_path):
    workspace = Workspace(tmp_path, small=True)
    make_clip(workspace)
    make_bert(workspace)
    return json.dumps(our_config(workspace))


def test_a_start_on_a_cache_hit_imports_nothing_that_it_does_not_use(config, tmp_path):
    def start(**settings):
        command = (sys.executable, '-c', START, config)
        printed = run(*command, CITE_CACHE=str(tmp_path / 'cache'), **settings)
        assert 'device chosen: False\n' in printed
        return json.loads(printed.split('loaded:')[1])

    start()
    assert [*(tmp_path / 'cache').rglob('*.safetensors')]  # it computed the embeddings
    assert set(UNUSED).isdisjoint(start(cold=True))


# Python runs it at its start, in every process that has its folder on the path.
AT_EXIT = """
import atexit, sys
heavy = {'torch', 'mmcv', 'mmcls', 'numba', 'pandas', 'scipy'}
atexit.register(lambda: print('heavy:', *sorted(heavy & {*sys.modules})))
"""


CITE = sys.executable, '-m', 'cite'


@pytest.fixture
def cite_command(tmp_path):
    """Return a function that runs ``python -m cite`` and tells what it has imported."""
    (tmp_path / 'sitecustomize.py').write_text(AT_EXIT)

    def call(*arguments, command=CITE):
        path = f'{tmp_path}:{ROOT}'
        printed = run(*command, *arguments, cold=True, PYTHONPATH=path)
        return printed.rpartition('heavy:')[2].split()

    return call


def test_cite_ann_divides_tables_without_torch(cite_command, tmp_path):
    patches = tmp_path / 'patches_captions'
    patches.mkdir()
    for slide in range(4):
        (patches / f's{slide}_0.jpg').touch()
    rows = [f's{slide},{"XY"[slide % 2]},text' for slide in range(4)]
    table = '\n'.join(['id,subtype,text', *rows])
    (tmp_path / 'captions.csv').write_text(table)
    (tmp_path / 'classes.yml').write_text('x: X\ny: Y\n')
    options = ['--data-path', tmp_path, '--classes', tmp_path / 'classes.yml']
    options += ['--val', '0.5', '--shots', '1', '--out', tmp_path / 'out']
    shots = tmp_path / 'clam' / '1shot'
    clam = ['--to-clam', shots.parent]
    assert cite_command('ann', *options, *clam) == []
    assert len((tmp_path / 'out' / 'val_0.5.txt').read_text().split()) == 2 * 2
    assert cite_command('ann', *options, '--from-clam', shots) == []
    shim = sys.executable, ROOT / 'tools/ann.py'
    assert cite_command(*options, command=shim) == []


def test_cite_tile_cuts_slides_without_torch(cite_command, tmp_path):
    pixels = np.random.default_rng(0).integers(90, 200, (600, 600, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'slide.png')
    out = tmp_path / 'tiles'
    options = ['--out', out, '--mpp', '0.5', '--patch-pixels', '300']
    assert cite_command('tile', tmp_path / 'slide.png', *options) == []
    assert (out / 'slides.csv').is_file()


def test_what_is_imported_would_be_seen(cite_command):
    code = sys.executable, '-c', 'import scipy, torch'
    assert cite_command(command=code) == ['scipy', 'torch']
