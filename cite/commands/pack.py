"""Decode and resize all patches once, into one file for every run after.

cite pack configs/gastric/cite/clip-vitb16_biolinkbert-l_cb_bs128_i1000.py \\
    --out data/patches_224.npy
cite pack --verify data/patches_224.npy

A config's data sets use it with `packed='data/patches_224.npy'`. An interrupted packing
continues where it stopped. docs/DATA.md explains when it pays.
"""

import argparse

from cite.apis.cli import add_cfg_options, make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('pack', __doc__)
    add = parser.add_argument
    add('config', metavar='CONFIG', nargs='?')
    add('--out', metavar='FILE.npy')
    add('--split', default='train', help='part of the data (default: train)')
    add('--ann', action='store_true', help='only the patches of its annotation file')
    add('--workers', type=int, default=4, help='processes that read (default: 4)')
    add('--force', action='store_true', help='replace a file of other patches')
    add('--verify', metavar='FILE.npy', help='compare a file with its checksums')
    add_cfg_options(parser)
    args = parser.parse_args(argv)
    if (args.verify is None) == (args.config is None or args.out is None):
        parser.error('give CONFIG and --out, or --verify alone')
    return args


def main(args: argparse.Namespace) -> None:
    """Pack or verify, then print the result."""
    from cite.apis.features.pack import pack, verify

    options = vars(args)
    path = options.pop('verify')
    if path is not None:
        print(f'{path}: {verify(path)} patches, as they were packed')
        return
    print(f"packed='{pack(**options)}'")
