"""Several ranks give the weights of one, and every launcher gets them going."""

import re
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import forked
import mmcls
import numpy as np
import pytest
from commands import MIM, tool_words
from mmcls.datasets import build_dataset
from mmcv import Config
from tiny_training import (
    PYTHONPATH,
    ROOT,
    config,
    make_data,
    relative_difference,
    run_command,
    state,
)
from two_ranks import train_by_command

from cite.datasets import BalancedSampler

ITERS = 20
TORCHRUN = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node', '2']


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    # Ten slides a class: 15 or 18 patches to evaluate do not divide by 2 ranks of 4.
    return make_data(tmp_path_factory.mktemp('data') / 'slides', slides=5)


def write_config(data, folder, batch, iters=ITERS):
    # Without noise: each rank draws its own. The prompt is initialised by tokens.
    cfg = config(data, folder, iters, neck='ProjectionNeck')
    cfg.data.samples_per_gpu = batch
    cfg.checkpoint_config = {'interval': iters}
    cfg.evaluation = {
        'by_epoch': False,
        'interval': iters,
        'metric': ['accuracy', 'class_accuracy', 'bag_accuracy', 'bag_class_accuracy'],
    }
    folder.mkdir(exist_ok=True)
    cfg.dump(str(folder / 'config.py'))
    return folder / 'config.py'


def metrics(printed):
    """Return what the last evaluation printed."""
    line = re.findall(r'Iter\(val\) \[\d+\]\s+(.*)', printed)[-1]
    return dict(re.findall(r'(\w+): ([\d.]+)', line))


@pytest.fixture(scope='module')
def one_rank(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp('one')
    path = write_config(data, folder, batch=8)
    printed = run_command(sys.executable, '-m', 'cite', 'train', path, '--seed', 3)
    return state(folder, ITERS), metrics(printed)


def test_torchrun_trains_two_ranks_to_the_weights_of_one(data, one_rank, tmp_path):
    path = write_config(data, tmp_path, batch=4)
    # As a run that was killed in evaluation leaves it.
    (tmp_path / '.eval_hook').mkdir()

    printed = run_command(
        *(*TORCHRUN, '-m', 'cite', 'train', path),
        *('--launcher', 'pytorch', '--seed', 3),
        PYTHON_EXEC=str(forked.python()),
    )

    difference = relative_difference(state(tmp_path, ITERS), one_rank[0])
    print(f'largest relative difference {difference:.1e}')
    assert 0 < difference < 1e-6
    assert metrics(printed) == one_rank[1]


def patched_mmcls(folder):
    """Copy the installed mmcls, and let its tools take what torch 2 tells them."""
    package = Path(mmcls.__file__).parent
    shutil.copytree(package, folder / 'mmcls', symlinks=True)
    for info in package.parent.glob('mmcls-*.dist-info'):
        shutil.copytree(info, folder / info.name)
    for tool in ('train', 'test'):  # as it was published: `make env` has been here
        file = folder / f'mmcls/.mim/tools/{tool}.py'
        text = file.read_text()
        file.unlink()  # may share its content with the installed one
        file.write_text(
            text.replace("'--local-rank', '--local_rank'", "'--local_rank'")
        )
    subprocess.run([ROOT / 'tools/env/accept_local_rank.sh', folder], check=True)
    return folder


def mim(*arguments, **environment):
    if not MIM.exists():
        pytest.skip('openmim is not installed: it needs setuptools < 81')
    command = sys.executable, MIM, *arguments
    return run_command(*command, PYTHON_EXEC=str(forked.python()), **environment)


def test_mim_launches_ranks(data, one_rank, tmp_path):
    path = write_config(data, tmp_path / 'run', batch=4)
    site = patched_mmcls(tmp_path / 'site')

    printed = mim(
        *('train', 'mmcls', path, '--launcher', 'pytorch', '--gpus', 2, '--seed', 3),
        PYTHONPATH=f'{site}:{PYTHONPATH}',
    )

    assert 'Training finished successfully' in printed
    assert f'{site}/mmcls/.mim/tools/train.py' in printed
    difference = relative_difference(state(tmp_path / 'run', ITERS), one_rank[0])
    assert difference < 1e-6
    assert metrics(printed) == one_rank[1]


def test_mim_tests_on_ranks(data, one_rank, tmp_path):
    path = write_config(data, tmp_path / 'run', batch=4, iters=2)
    site = patched_mmcls(tmp_path / 'site')
    run_command(sys.executable, '-m', 'cite', 'train', path, '--no-validate')
    checkpoint = tmp_path / 'run/latest.pth'
    arguments = '--checkpoint', checkpoint, '--metrics', 'accuracy', 'bag_accuracy'

    single = run_command(*tool_words('test', path, *arguments))
    printed = mim(
        *('test', 'mmcls', path, *arguments, '--launcher', 'pytorch', '--gpus', 2),
        PYTHONPATH=f'{site}:{PYTHONPATH}',
    )

    pattern = r'\w*accuracy : [\d.]+'
    assert len(re.findall(pattern, single)) == 2
    assert f'{site}/mmcls/.mim/tools/test.py' in printed
    assert re.findall(pattern, printed) == re.findall(pattern, single)


# Imitations: slurm's own needs daemons. srun starts the tasks with slurm's variables.
SRUN = """#!/bin/bash
while [[ $1 == -* ]]; do
  case $1 in --ntasks=*) tasks=${1#*=} ;; -p) shift ;; esac
  shift
done
for ((i = 0; i < tasks; i++)); do
  SLURM_PROCID=$i SLURM_LOCALID=$i SLURM_NTASKS=$tasks SLURM_JOB_ID=$$ \\
    SLURM_NODELIST='node[1-1]' "$@" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || exit 1; done
"""
SCONTROL = '#!/bin/sh\n[ "$1 $2 $3" = "show hostnames node[1-1]" ] && echo 127.0.0.1\n'


def test_mim_launches_ranks_by_slurm(data, one_rank, tmp_path):
    path = write_config(data, tmp_path / 'run', batch=4)
    for name, text in (('srun', SRUN), ('scontrol', SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    mim(
        *('train', 'mmcls', path, '--launcher', 'slurm', '--partition', 'any'),
        *('--gpus', 2, '--gpus-per-node', 2, '--seed', 3),
        PATH=f'{tmp_path}:/usr/bin:/bin',
    )

    difference = relative_difference(state(tmp_path / 'run', ITERS), one_rank[0])
    assert difference < 1e-6


def test_ranks_count_replaced_images_together(data, tmp_path):
    path = write_config(data, tmp_path / 'run', batch=4, iters=6)
    cfg = Config.fromfile(path)
    shutil.copytree(cfg.data.train.data_prefix, tmp_path / 'images')
    lines = Path(cfg.data.train.ann_file).read_text().splitlines()
    # From outside: 6 batches of 8, the first half of each for the first rank.
    dataset = build_dataset(cfg.data.train)
    sampler = BalancedSampler(dataset, seed=3, balance='patch')
    batches = np.array([int(draw) for draw in islice(sampler, 48)]).reshape(6, 8)
    shares = [set(share.flat) for share in (batches[:, :4], batches[:, 4:])]
    # Each rank meets one alone, and both meet one. Every replacement is readable.
    alone = min(shares[0] - shares[1]), max(shares[1] - shares[0])
    bad = [*alone, max(shares[0] & shares[1])]
    assert not {i + 1 for i in bad} & set(bad)
    for i in bad:
        (tmp_path / 'images' / lines[i].split()[0]).write_bytes(b'no image')
    cfg.data.train.update(data_prefix=f'{tmp_path}/images', on_error='skip')
    cfg.checkpoint_config.interval = 3
    cfg.dump(str(path))
    options = path, '--seed', 3, '--no-validate'

    printed = train_by_command(tmp_path, *options)
    checkpoint = tmp_path / 'run/iter_3.pth'
    resumed = train_by_command(tmp_path, *options, '--resume-from', checkpoint)

    wanted = int(np.isin(batches, bad).sum())
    for text in (printed, resumed):
        found = re.findall(r'(\d+) images of this run .*\((\d+) files', text)
        assert found == [(str(wanted), '3')]
