"""Train and test configs over several seeds: mean ± sd of each metric.

cite repeat configs/glas/*_vit-tiny*.py --seeds 0 1 2 3 4

Run it again after an interruption: finished runs are kept.
"""

import argparse
from pathlib import Path

from cite.apis.cli import make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('repeat', __doc__)
    add = parser.add_argument
    add('configs', nargs='+', metavar='CONFIG')
    add('--seeds', nargs='+', type=int, default=[0, 1, 2, 3, 4])
    add('--metrics', nargs='+', default=['bag_accuracy', 'mean_bag_accuracy'])
    add('--work-dir', type=Path, default=Path('work_dirs/repeat'))
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Run what is missing, then print the table."""
    from cite.apis.repeat import repeat_configs, table

    print(table(repeat_configs(**vars(args))))
