"""Compute a frozen backbone's features once, for all later runs.

cite extract configs/glas/linear_vit-tiny.py
torchrun --nproc-per-node 4 -m cite extract CONFIG --dtype float16

For zero-shot, linear and neck-only configs. It prints the config that trains and tests
on the features. An interrupted extraction continues where it stopped.
"""

import argparse

from cite.apis.cli import add_cfg_options, make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('extract', __doc__)
    add = parser.add_argument
    add('config', metavar='CONFIG')
    add('--out', help="folder (default: work_dirs/features/{config's name})")
    add('--num-aug', type=int, default=8, help='draws per training patch (default: 8)')
    add('--splits', nargs='+', default=['train', 'val', 'test'])
    add('--dtype', choices=('float32', 'float16'), default='float32')
    add('--seed', type=int, default=0, help='seed of the augmentation (default: 0)')
    add('--batch-size', type=int, default=128)
    add('--workers', type=int, help="loading processes (default: the config's)")
    add('--force', action='store_true', help='replace other features')
    add_cfg_options(parser)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Extract, then print how to use the features."""
    from cite.apis.features.extract import extract_features
    from cite.apis.features.extract_rows import is_first_rank

    config = extract_features(**vars(args))
    if is_first_rank():
        print(f'cite train {config}')
