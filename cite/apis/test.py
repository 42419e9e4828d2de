"""Testing: what mmcls' test command calls, with names and images settled first.

mmcls looks at the names of the metrics when everything else is done, so that ``mim
test`` with a mistyped name costs a pass over all patches. On several ranks it agrees on
a folder for the results through a GPU tensor, which a machine without a GPU lacks.
"""

import argparse
import os.path as osp
import sys
from collections.abc import Sequence
from typing import Any, Optional

import mmcls.apis
import torch
from mmcls.utils import get_root_logger
from mmcv import DictAction
from torch import nn
from torch.utils.data import DataLoader

from cite.apis.class_order import check_run
from cite.core.command_line import cfg_options, refuse_changed_options
from cite.core.distributed import shared_name
from cite.core.evaluation.eval_hooks import check_metric_names, check_metric_options
from cite.core.hooks.class_count_hook import check_class_count
from cite.datasets.slide_dataset import SlideDataset
from cite.models.image_stats import settle_images

from .config_keys import unread_options
from .data_notes import log_data
from .pictures import check_pictures, paint
from .result_file import check_result_file, check_writable, name_results

_single_gpu_test = mmcls.apis.single_gpu_test
_multi_gpu_test = mmcls.apis.multi_gpu_test


def single_gpu_test(
    model: nn.Module,
    data_loader: DataLoader,
    show: bool = False,
    out_dir: Optional[str] = None,
    **show_options: Any,
) -> list[Any]:
    """Return the scores of each item, on one device; mmcls' arguments."""
    dataset: Any = data_loader.dataset
    _settle(model, data_loader)
    if not (show or out_dir) or not isinstance(dataset, SlideDataset):
        return _single_gpu_test(model, data_loader, show, out_dir, **show_options)
    check_pictures(dataset, show)
    scores = _single_gpu_test(model, data_loader)
    paint(model, dataset, scores, show, out_dir, **show_options)
    return scores


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
    """Refuse before the first patch what mmcls would refuse after the last one."""
    refuse_changed_options()
    for _, message, _ in unread_options({}, cfg_options()):
        get_root_logger().warning(message)
    dataset: Any = data_loader.dataset
    command = options_of_command(sys.argv)
    check_metric_names(dataset, command.metrics)
    check_metric_options(dataset, _options(command.metric_options))
    check_class_count(model, dataset, 'test')
    check_run(model, [('data.test', dataset.CLASSES)])
    if command.show_dir:
        check_writable('--show-dir', command.show_dir, is_folder=True)
    if command.out:
        check_result_file(command.out)
        if isinstance(dataset, SlideDataset):
            name_results(command.out, dataset)
    settle_images(dataset, model)
    log_data('testing', dataset)


def options_of_command(words: Sequence[str]) -> argparse.Namespace:
    """Return what mmcls' test command takes for its end from its command line.

    It uses these at its end, and passes them to nobody before: this is the one place
    where the package reads the command line of another program.

    Args:
        words: the program and its arguments. Those of another program than a
            ``test.py`` mean something else: then there is nothing.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--metrics', nargs='+', default=[])
    parser.add_argument('--metric-options', nargs='+', default=[])
    parser.add_argument('--out')
    parser.add_argument('--show-dir')
    is_test = bool(words) and osp.basename(words[0]) == 'test.py'
    return parser.parse_known_args(words[1:] if is_test else [])[0]


def _options(words: Sequence[str]) -> dict[str, Any]:
    pairs = (word.partition('=') for word in words)
    return {key: DictAction._parse_iterable(written) for key, _, written in pairs}
