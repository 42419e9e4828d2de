"""Tests on two ranks (gloo): what each of the two processes does."""

import math
import os
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from tiny_training import new_process
from torch import distributed

from cite.__main__ import main
from cite.core.distributed import MMDistributedDataParallel
from cite.core.hooks import FiniteLossHook


def run_two_ranks(target, folder, *args):
    """Run a function of this module on two ranks, to their ends."""
    ranks = [new_process(target, rank, str(folder), *args) for rank in range(2)]
    for process in ranks:
        process.join()
        assert process.exitcode == 0


def train_by_command(folder, *words):
    """Run ``cite train`` on two ranks as torchrun does; return what they print."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    run_two_ranks(run_cite, folder, port, ['train', *map(str, words)])
    return ''.join(Path(folder, f'output of {rank}').read_text() for rank in range(2))


def run_cite(rank, folder, port, words):
    """Run a command with the variables and the option that torchrun gives a rank."""
    ranks = {'RANK': rank, 'LOCAL_RANK': rank, 'WORLD_SIZE': 2, 'MASTER_PORT': port}
    os.environ.update({name: str(value) for name, value in ranks.items()})
    os.environ['MASTER_ADDR'] = '127.0.0.1'
    with open(Path(folder, f'output of {rank}'), 'w') as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    torch.set_num_threads(1)
    main([*words, '--launcher', 'pytorch'])


def _join(rank, folder):
    store = f'file://{folder}/store'
    distributed.init_process_group('gloo', store, rank=rank, world_size=2)


def check_losses(rank, folder):
    """Check losses that are always finite on the first rank, never on the second."""
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
        Path(folder, f'error of {rank}').write_text(str(error))


def train_without_seed(rank, folder, cfg):
    """Train without a seed, as a user's script may, and record the seed of the run."""
    _join(rank, folder)
    np.random.seed(rank)  # each rank would draw another seed
    cfg.gpu_ids, cfg.device = [0], 'cpu'
    model = build_classifier(cfg.model)
    data = build_dataset(cfg.data.train)
    # Looked up now, because a script may have imported mmcls before cite.
    mmcls_train = sys.modules['mmcls.apis'].train_model
    mmcls_train(model, data, cfg, distributed=True, device='cpu')
    Path(folder, f'seed of {rank}').write_text(str(cfg.seed))


def train_steps_by_hand(rank, folder, cfg, images, labels):
    """Save the gradients of a training step under our own wrapper."""
    _join(rank, folder)
    half = slice(rank * len(images) // 2, (rank + 1) * len(images) // 2)
    torch.manual_seed(0)
    model = MMDistributedDataParallel(build_classifier(cfg)).train()
    batch = {'img': images[half], 'gt_label': labels[half]}
    model.train_step(batch, None)['loss'].backward()
    grads = {n: p.grad for n, p in model.module.named_parameters() if p.requires_grad}
    torch.save(grads, f'{folder}/gradients {rank}.pth')


def gradients_by_hand(rank, folder, cfg, images, labels, metas):
    """Save gradients under torch's own wrapper and under mmcv's."""
    from mmcv.parallel import MMDistributedDataParallel as Mmcvs
    from torch.nn.parallel import DistributedDataParallel

    _join(rank, folder)
    half = slice(rank * len(images) // 2, (rank + 1) * len(images) // 2)
    batch = {'img': images[half], 'gt_label': labels[half], 'img_metas': metas[half]}
    for name, wrapper in (
        ('torch', DistributedDataParallel),
        ('mmcv', Mmcvs),
    ):
        torch.manual_seed(0)
        model = wrapper(build_classifier(cfg), find_unused_parameters=True).train()
        if name == 'torch':
            model(return_loss=True, **batch)['loss'].backward()
        else:
            model.train_step(batch, None)['loss'].backward()
        grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        torch.save(grads, f'{folder}/{name} {rank}.pth')
