"""Install mmcv 1.7.2 in this environment, once after `pip install .`.

cite install-mmcv
"""

import argparse

from cite.apis.cli import make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    return make_parser('install-mmcv', __doc__).parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Install it, unless mmcv or mmcv-full is there."""
    from importlib.util import find_spec

    from cite.apis.install_mmcv import install_mmcv

    if find_spec('mmcv') is not None:
        print('mmcv is installed already.')
        return
    install_mmcv()
