"""`cite export` to a folder and `cite calibrate`, as a user types them."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_training
from commands import attempt, run
from mmcv import Config
from passed_model import make_run

CITE = (sys.executable, '-m', 'cite')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('passed')
    data = tiny_training.make_data(folder / 'data')
    return make_run(data, folder / 'run')


def test_export_then_calibrate(trained, tmp_path):
    config, checkpoint = trained / 'config.py', trained / 'latest.pth'
    ann_file = Config.fromfile(str(config)).data.test.ann_file
    patches = len(Path(ann_file).read_text().splitlines())
    scores = np.random.default_rng(0).dirichlet(np.ones(3), patches)
    results = tmp_path / 'results.json'
    results.write_text(json.dumps({'class_scores': scores.tolist()}))
    out = tmp_path / 'grades'
    said = run(*CITE, 'export', config, checkpoint, out, '--results', results)
    assert '3 classes, trained on 6 slides' in said
    assert 'It needs the frozen weights' in said
    card = (out / 'README.md').read_text()
    assert 'On 6 slides of the test set' in card
    assert '| all | ' in card
    said = run(*CITE, 'calibrate', out, results, '--ann-file', ann_file)
    assert 'from 6 slides held out: too few for sets' in said
    assert 'Each slide counts as a patient.' in said
    table = tmp_path / 'patients.csv'
    slides = {line.split('_')[0] for line in Path(ann_file).read_text().splitlines()}
    table.write_text('slide,patient\n' + ''.join(f'{s},p{s}\n' for s in slides))
    options = ('--ann-file', ann_file, '--table', table)
    said = run(*CITE, 'calibrate', out, results, *options)
    assert 'from 6 patients held out' in said
    assert 'Each slide counts' not in said
    done = attempt(*CITE, 'calibrate', out, results)
    assert done.returncode == 2
    assert 'error: ' in done.stdout
    assert '--ann-file' in done.stdout
    assert 'Traceback' not in done.stdout
    done = attempt(*CITE, 'export', config, checkpoint, 'a.pth', '--torchscript')
    assert done.returncode == 2
    assert 'need a folder' in done.stdout
    done = attempt(*CITE, 'export', config, checkpoint, out, '--plain')
    assert done.returncode == 2
    assert '--plain needs a file' in done.stdout


def test_import_cite_does_not_wait_for_the_predictor():
    module = 'cite.inference.predictor'
    code = f"import sys, cite, cite.apis; print('{module}' in sys.modules)"
    assert run(sys.executable, '-c', code).split()[-1] == 'False'
    code = 'from cite.apis import Predictor; print(Predictor.__module__)'
    assert run(sys.executable, '-c', code).split()[-1] == 'cite.inference.predictor'
