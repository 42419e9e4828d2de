"""Say what this machine and its environment have, and what is missing.

cite doctor

The exit code is 1 if something is missing that every command needs.
"""

import argparse
import sys

from cite.apis.cli import make_parser
from cite.start import quiet_imports


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    return make_parser('doctor', __doc__).parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Print a line for each thing, and what to do where something is wrong."""
    from cite.apis.doctor import examine

    broken = 0
    with quiet_imports():
        for finding in examine():
            mark = '!' if finding.remedy else ' '
            print(f'{mark} {finding.name:14} {finding.text}', flush=True)
            if finding.remedy:
                print(f'  {"":14} {finding.remedy}')
            broken += finding.breaks
    if broken:
        sys.exit(1)
