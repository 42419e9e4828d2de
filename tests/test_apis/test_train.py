"""A run is a function of its config, data and seed, and of nothing else."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_training import (
    config,
    differences,
    make_data,
    relative_difference,
    run_command,
    state,
)
from two_ranks import run_two_ranks, train_without_seed

from cite.core.files.weights import load_weights

ITERS = 8


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data') / 'slides')


# Runs `cite` with a number of threads.
THREADS = """
import runpy, sys, torch
torch.set_num_threads(int(sys.argv.pop(1)))
runpy.run_module('cite', run_name='__main__', alter_sys=True)
"""


def train(data, folder, *arguments, changes=None, threads=1, **environment):
    """Train by command; return the checkpoint's tensors and what was printed."""
    folder.mkdir()
    cfg = config(data, folder, ITERS)
    cfg.checkpoint_config = {'interval': ITERS}
    cfg.merge_from_dict(changes or {})
    cfg.dump(str(folder / 'config.py'))
    command = (sys.executable, '-c', THREADS, threads, 'train', folder / 'config.py')
    printed = run_command(*command, *arguments, **environment)
    return state(folder, ITERS), printed


@pytest.fixture(scope='module')
def first(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp('first') / 'run'
    return train(data, folder, '--seed', 4)[0]


def other_order(data: Path, copy: Path) -> Path:
    """Copy the data so that the folder lists its files in another order."""
    shutil.copytree(data / 'models', copy / 'models')
    images = sorted((data / 'patches_captions').iterdir(), reverse=True)
    (copy / 'patches_captions').mkdir()
    for image in images:
        shutil.copy(image, copy / 'patches_captions')
    shutil.copy(data / 'captions.csv', copy)
    tool = Path(__file__).parents[2] / 'tools/ann.py'
    run_command(sys.executable, tool, '--data-path', copy, '--val', '0.5')
    return copy


def test_hash_seed_and_folder_order_change_no_bit(data, first, tmp_path):
    copy = other_order(data, tmp_path / 'copy')
    # A hash seed is drawn for each new process, unless it is given.
    again, _ = train(copy, tmp_path / 'run', '--seed', 4, PYTHONHASHSEED='2')

    assert differences(again, first) == []


def test_threads_change_the_weights_by_summation_order_at_most(data, tmp_path):
    """All of the model is trained, so that threads share sums among them.

    That of a layer norm's gradient over all tokens is one, of which torch lets each
    thread do a part.
    """
    changes = {
        'model.backbone.fix': False,
        'optimizer.lr': 1e-3,  # gentle, as fine-tuning is (the recipe's is 1e-5)
        'data.train.pipeline.0.backend': 'fast',
        'custom_hooks': [{'type': 'NoteImages'}],
    }
    (one, _), (two, _) = (
        train(data, tmp_path / n, '--seed', 4, changes=changes, threads=n) for n in '12'
    )

    weights = [{k: v for k, v in x.items() if ' ' not in k} for x in (two, one)]
    difference = relative_difference(*weights)
    print(f'largest relative difference {difference:.1e}')
    assert differences(*weights) != []
    assert difference < 1e-6
    drawn = [(tmp_path / n / 'images.txt').read_text() for n in '12']
    assert len(drawn[0].splitlines()) == ITERS
    assert drawn[0] == drawn[1]


def test_without_a_seed_the_log_says_how_to_repeat_the_run(data, first, tmp_path):
    drawn, printed = train(data, tmp_path / 'drawn')
    seed = int(re.search(r'Set random seed to (\d+)', printed)[1])

    again, _ = train(data, tmp_path / 'again', '--seed', seed)

    assert differences(again, drawn) == []
    assert differences(drawn, first) != []


def test_ranks_without_a_seed_share_the_first_s(data, tmp_path):
    cfg = config(data, tmp_path, iters=1)
    run_two_ranks(train_without_seed, tmp_path, cfg)

    np.random.seed(0)
    first = np.random.randint(2**31)
    seeds = [int((tmp_path / f'seed of {r}').read_text()) for r in range(2)]
    assert seeds == [first, first]
    assert load_weights(tmp_path / 'iter_1.pth')['meta']['seed'] == first
