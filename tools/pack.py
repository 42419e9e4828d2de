"""Decode and resize all patches once, into one file for every run after.

python tools/pack.py configs/gastric/cite/clip-vitb16_biolinkbert-l_cb_bs128_i1000.py \
    --out data/patches_224.npy
python tools/pack.py --verify data/patches_224.npy

A config's data sets use it with `packed='data/patches_224.npy'`. An interrupted packing
goes on where it stopped. docs/DATA.md says when it pays.
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
from cite.apis.features.pack import pack, verify


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('config', metavar='CONFIG', nargs='?')
    add('--out', metavar='FILE.npy')
    add('--split', default='train', help='whose folder and pipeline (default: train)')
    add('--ann', action='store_true', help="its annotation file's patches alone")
    add('--workers', type=int, default=4, help='processes that read (default: 4)')
    add('--force', action='store_true', help='replace a file of something else')
    add('--verify', metavar='FILE.npy', help='compare a file with its checksums')
    add('--cfg-options', dest='options', nargs='+', action=DictAction)
    args = parser.parse_args(argv)
    if (args.verify is None) == (args.config is None or args.out is None):
        parser.error('give CONFIG and --out, or --verify alone')
    return args


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Pack or verify, and say so."""
    args = vars(parse_args(argv))
    path = args.pop('verify')
    if path is not None:
        print(f'{path}: {verify(path)} patches, as they were packed')
        return
    print(f"packed='{pack(**args)}'")


if __name__ == '__main__':
    run_cli(main)
