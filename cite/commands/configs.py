"""List the configs that come with the package, or copy some to work on.

cite configs                           # what there is
cite configs copy glas configs/mine    # a family of configs, with all it inherits
"""

import argparse

from cite.apis.cli import make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('configs', __doc__)
    actions = parser.add_subparsers(dest='action')
    copy = actions.add_parser('copy', help='copy a family of configs')
    copy.add_argument('name', metavar='NAME', help='such as glas')
    copy.add_argument('out', metavar='FOLDER', help='a new folder')
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """List the folders with their configs, or copy one."""
    from cite.apis.shipped_configs import copy_configs, families, shipped_configs

    if args.action == 'copy':
        for path in copy_configs(args.name, args.out):
            print(path)
        return
    root = shipped_configs()
    for name in families():
        files = [f for f in (root / name).rglob('*.py') if '_base_' not in f.parts]
        print(f'{name:12} {len(files):3} configs in {root / name}')
