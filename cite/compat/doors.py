"""The doors: every function of mmcv and mmcls that is replaced, by which of ours, why.

Most of what we change in the hosts is a subclass registered under the host's own name
(``cite/core/runners``, ``EMAHook``, ``ImageClassifier``), by which configs reach it.
``mim train mmcls`` and ``mim test mmcls`` also call functions that no registry holds;
these are listed here. What reads files for mmcv and timm is replaced in
:mod:`.safe_loading`. For mmcv 1.7 and mmcls 0.25.0.
"""

import importlib
import sys
from typing import Any, NamedTuple

from cite.apis.test import multi_gpu_test, single_gpu_test
from cite.apis.train import train_model
from cite.core.distributed import init_dist, wrap_distributed_model
from cite.datasets.builder import build_dataloader
from cite.models.classifiers.fitting_checkpoint import load_checkpoint


class Door(NamedTuple):
    """A function of a host that is replaced."""

    module: str
    name: str
    ours: Any
    why: str


_FITS = "a whole classifier takes a whole checkpoint; errors say what doesn't fit"
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
    Door('mmcv.runner', 'load_checkpoint', load_checkpoint, _FITS),
    Door('mmcls.apis.inference', 'load_checkpoint', load_checkpoint, _FITS),
    Door('mmcv.runner', 'init_dist', init_dist, 'ranks on CPUs'),
    Door(
        'mmcls.utils',
        'wrap_distributed_model',
        wrap_distributed_model,
        'ranks on CPUs, and torch 2.1 and later',
    ),
)


def open_doors() -> None:
    """Replace the functions, also where one of mmcls' tools has taken them already.

    The tools do so before a config's ``custom_imports`` is read. The hosts' own modules
    are left alone, but for those that are listed.
    """
    for door in DOORS:
        module = importlib.import_module(door.module)
        original = getattr(module, door.name)
        setattr(module, door.name, door.ours)
        for name, taker in list(sys.modules.items()):
            # Not getattr: modules that load lazily would do so.
            taken = getattr(taker, '__dict__', {}).get(door.name)
            package = name.split('.')[0]
            if taken is original and package not in ('mmcv', 'mmcls', 'cite'):
                setattr(taker, door.name, door.ours)
