"""Compute a frozen backbone's features once, for all runs that would repeat them.

python tools/extract_features.py configs/glas/linear_vit-tiny.py
torchrun --nproc-per-node 4 tools/extract_features.py CONFIG --dtype float16

For zero-shot, linear and neck-only configs. It prints the config that trains and tests
on the features. An interrupted extraction goes on where it stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from mmcv import DictAction

# The command also works in a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cite.apis.cli import run_cli
from cite.apis.features.extract import DTYPES, extract_features
from cite.apis.features.extract_rows import is_first_rank


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('config', metavar='CONFIG')
    add(
        '--out', help="folder to write to (default: work_dirs/features/{config's name})"
    )
    add('--num-aug', type=int, default=8, help='draws of a training patch (default: 8)')
    add('--splits', nargs='+', default=['train', 'val', 'test'])
    add('--dtype', choices=DTYPES, default='float32')
    add('--seed', type=int, default=0, help='of the augmentation (default: 0)')
    add('--batch-size', type=int, default=128)
    add('--workers', type=int, help="that load images (default: the config's)")
    add('--force', action='store_true', help='replace features of something else')
    add('--cfg-options', dest='options', nargs='+', action=DictAction)
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Extract and say how to use it."""
    config = extract_features(**vars(parse_args(argv)))
    if is_first_rank():
        print(f'mim train mmcls {config}')


if __name__ == '__main__':
    run_cli(main)
