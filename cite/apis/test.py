"""Testing: what mmcls' test command calls, with names and images settled first.

mmcls looks at the names of the metrics when everything else is done, so that ``mim
test`` with a mistyped name costs a pass over all patches. On several ranks it agrees on
a folder for the results through a GPU tensor, which a machine without a GPU lacks.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, Optional

import mmcls.apis
import torch
from torch import nn
from torch.utils.data import DataLoader

from cite.apis.class_order import check_run
from cite.core.distributed import shared_name
from cite.core.evaluation.eval_hooks import check_metric_names
from cite.models.image_stats import settle_images

_single_gpu_test = mmcls.apis.single_gpu_test
_multi_gpu_test = mmcls.apis.multi_gpu_test


def single_gpu_test(
    model: nn.Module, data_loader: DataLoader, *args: Any, **kwargs: Any
) -> list[Any]:
    """Return the scores of each item, on one device; mmcls' arguments."""
    _settle(model, data_loader)
    return _single_gpu_test(model, data_loader, *args, **kwargs)


def multi_gpu_test(
    model: nn.Module,
    data_loader: DataLoader,
    tmpdir: Optional[str] = None,
    gpu_collect: bool = False,
) -> Optional[list[Any]]:
    """Return the scores of each item on the first rank; mmcls' arguments."""
    _settle(model, data_loader)
    if tmpdir is None and not torch.cuda.is_available():
        tmpdir, gpu_collect = shared_name(), False
    return _multi_gpu_test(model, data_loader, tmpdir, gpu_collect)


def _settle(model: nn.Module, data_loader: DataLoader) -> None:
    check_metric_names(data_loader.dataset, metrics_of_command(sys.argv[1:]))
    dataset: Any = data_loader.dataset
    check_run(model, [('data.test', dataset.CLASSES)])
    settle_images(data_loader.dataset, model)


def metrics_of_command(arguments: Sequence[str]) -> list[str]:
    """Return what a command line names after ``--metrics``.

    mmcls' test command passes these names to nobody before the end: this is the one
    place where the package reads the command line of another program.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--metrics', nargs='+', default=[])
    return list(parser.parse_known_args(arguments)[0].metrics)
