"""The doors: what is replaced in mmcv, mmcls and timm, by which of ours, and why.

Most of what we change in the hosts is a subclass registered under the host's own name,
by which configs reach it: ``REGISTERED``. ``mim train mmcls`` and ``mim test mmcls``
also call functions that no registry holds; these are in ``DOORS``, and what reads files
for mmcv and timm. One more thing changes: mmcv's loaders of checkpoints, in its own
registry of loaders, because ``torch.load`` runs code. For mmcv 1.7, mmcls 0.25.0 and
timm 1.0.
"""

import importlib
import sys
from collections import defaultdict
from importlib.util import find_spec
from typing import Any, NamedTuple

from mmcv.runner.checkpoint import CheckpointLoader

from cite.apis.test import multi_gpu_test, single_gpu_test
from cite.apis.train import train_model
from cite.core.distributed import init_dist, wrap_distributed_model
from cite.core.files.checkpoint_loader import load_from_local
from cite.datasets.builder import build_dataloader
from cite.datasets.kfold_dataset import KFoldDataset
from cite.models.classifiers.fitting_checkpoint import load_checkpoint

from .safe_loading import HUBS, SAFE_TORCH, load_from_http, load_from_hub, load_url


class Door(NamedTuple):
    """An attribute of a host's module that is replaced."""

    module: str
    name: str
    ours: Any
    why: str
    in_tools: bool = True  # also where one of mmcls' tools has imported it already


_FITS = "a whole classifier takes a whole checkpoint; errors say what doesn't fit"
_READS = 'torch.load runs the code in a pickle; ours reads tensors and plain data'
_FETCHES = 'the download of torch loads the file at once; ours reads it safely'
DOORS = (
    Door(
        'mmcls.apis',
        'train_model',
        train_model,
        'seeds, resuming, our loaders, hooks and runners',
    ),
    Door(
        'mmcls.apis',
        'single_gpu_test',
        single_gpu_test,
        'metric names are checked and images settled before the first patch',
    ),
    Door('mmcls.apis', 'multi_gpu_test', multi_gpu_test, 'the same, and without a GPU'),
    Door(
        'mmcls.datasets',
        'build_dataloader',
        build_dataloader,
        'features come in whole batches; workers_per_gpu=0 works',
    ),
    Door(
        'mmcls.datasets.dataset_wrappers',
        'KFoldDataset',
        KFoldDataset,
        'folds of patches put slides on both sides; build_dataset asks no registry',
        False,
    ),
    Door('mmcv.runner', 'load_checkpoint', load_checkpoint, _FITS),
    Door('mmcls.apis.inference', 'load_checkpoint', load_checkpoint, _FITS),
    Door('mmcv.runner', 'init_dist', init_dist, 'ranks on CPUs'),
    Door(
        'mmcls.utils',
        'wrap_distributed_model',
        wrap_distributed_model,
        'ranks on CPUs, and torch 2.1 and later',
    ),
    Door('mmcv.runner.checkpoint', 'torch', SAFE_TORCH, _READS, False),
    Door('timm.models._helpers', 'torch', SAFE_TORCH, _READS, False),
    Door('timm.models._hub', 'torch', SAFE_TORCH, _READS, False),
    Door('timm.models.naflexvit', 'torch', SAFE_TORCH, _READS, False),  # timm 1.0.16
    Door('timm.models._builder', 'load_state_dict_from_url', load_url, _FETCHES, False),
)

#: Names of the hosts that are registered anew, for subclasses of ours, and why.
REGISTERED = {
    'IterBasedRunner': 'checkpoints are whole, and resuming continues exactly',
    'EpochBasedRunner': 'the same, and no config inside a checkpoint is run',
    'Runner': "mmcv's old name of the epochs' runner",
    'EMAHook': 'averages survive resuming',
    'ImageClassifier': 'takes images of bytes; on a CPU the batch does not count',
    'KFoldDataset': 'folds of patches put slides on both sides',
}


def open_doors() -> None:
    """Replace what is listed, and the loaders of checkpoints in mmcv's registry.

    mmcls' tools import functions by name before a config's ``custom_imports`` is read,
    so that they are replaced there, too. The hosts' own modules are left alone, but for
    those that are listed.
    """
    loaders = {
        '': load_from_local,
        'http://': load_from_http,
        'https://': load_from_http,
    }
    loaders.update(dict.fromkeys(HUBS, load_from_hub))
    for prefix, loader in loaders.items():
        CheckpointLoader.register_scheme(prefixes=prefix, loader=loader, force=True)
    in_tools = defaultdict(list)
    for door in DOORS:
        if find_spec(door.module) is None:
            continue
        module = importlib.import_module(door.module)
        if door.in_tools:
            in_tools[door.name].append((getattr(module, door.name), door.ours))
        setattr(module, door.name, door.ours)
    for name, taker in list(sys.modules.items()):
        if name.split('.')[0] in ('mmcv', 'mmcls', 'cite'):
            continue
        # Not getattr: modules that load lazily would do so.
        taken = getattr(taker, '__dict__', {})
        for attribute in in_tools.keys() & taken.keys():
            for original, ours in in_tools[attribute]:
                if taken[attribute] is original:
                    setattr(taker, attribute, ours)
