"""Test a checkpoint, as `mim test mmcls` does.

cite test configs/mine/cite.py work_dirs/mine/latest.pth --metrics accuracy bag_auroc
cite test … --metrics bag_accuracy --out results.json   # file, slide, label and scores

The arguments are those of mmcls' test.py; docs/COMMANDS.md lists the metrics.
"""

import argparse

from .train import parse_args, run_tool

__all__ = ['main', 'parse_args']


def main(args: argparse.Namespace) -> None:
    """Run mmcls' test.py."""
    run_tool('test', args.arguments, __doc__)
