"""What each of two ranks (gloo, processes of their own) does in a test."""

import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from tiny_training import new_process
from torch import distributed

from cite.core.hooks import FiniteLossHook


def run_two_ranks(target, folder, *args):
    """Run a function of this module on two ranks, to their ends."""
    ranks = [new_process(target, rank, str(folder), *args) for rank in range(2)]
    for process in ranks:
        process.join()
        assert process.exitcode == 0


def _join(rank, folder):
    store = f'file://{folder}/store'
    distributed.init_process_group('gloo', store, rank=rank, world_size=2)


def look_at_losses(rank, folder):
    """Look at losses that are never finite on the second rank, always on the first."""
    _join(rank, folder)
    hook = FiniteLossHook(interval=3)
    loss = torch.tensor(math.nan if rank == 1 else 1.0)
    try:
        for i in range(3):
            runner = SimpleNamespace(
                iter=i, _max_iters=9, outputs={'loss': loss}, hooks=[], work_dir=folder
            )
            hook.after_train_iter(runner)
    except FloatingPointError as error:
        Path(folder, f'said by {rank}').write_text(str(error))


def train_without_seed(rank, folder, cfg):
    """Train as a script of a user does, which gives no seed, and note the run's."""
    _join(rank, folder)
    np.random.seed(rank)  # each would draw a seed of its own
    cfg.gpu_ids, cfg.device = [0], 'cpu'
    model = build_classifier(cfg.model)
    data = build_dataset(cfg.data.train)
    # By name at this moment, as a script that imports mmcls first has it.
    mmcls_train = sys.modules['mmcls.apis'].train_model
    mmcls_train(model, data, cfg, distributed=True, device='cpu')
    Path(folder, f'seed of {rank}').write_text(str(cfg.seed))
