"""Test a checkpoint, as mmcls' test.py does."""

import argparse

from .train import parse_args, run_tool

__all__ = ['main', 'parse_args']


def main(args: argparse.Namespace) -> None:
    """Run mmcls' test.py."""
    run_tool('test', args.arguments)
