"""Compare this checkout's speed with that of another commit; fail if a row is slower.

make bench-check                              # what isn't committed yet, against HEAD
make bench-check ARGS='--against main --rows few-slide start'

Our sides of the rows take turns, the commit's and the checkout's, so that other work on
the machine slows both alike. The median of the pairs' ratios counts: below 0.95 in any
row, the exit code is 1.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Optional

import torch

from cite.apis.cli import run_cli

from .compare import ROOT, Side, child_environment, stack
from .row import Row, Workspace, pick
from .rows import all_rows

LEAST = 0.95
LIGHT = ('few-slide', 'first-pass', 'evaluation', 'start')


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.check',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--against', default='HEAD', metavar='COMMIT', help='(default: HEAD)')
    add('--rows', nargs='+', default=LIGHT, metavar='KEY', help=f'(default: {LIGHT})')
    add('--repeats', type=int, default=7, help='pairs of measurements (default: 7)')
    add('--threads', type=int, default=torch.get_num_threads(), help="torch's threads")
    add('--small', action='store_true', help='tiny models, to try the code')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Print a line for each row; end with 1 if one is slower than before."""
    args = parse_args(argv)
    rows = pick(all_rows(), args.rows)
    print(f'{stack()}; this checkout against {args.against}, > 1 is better')
    slower = []
    with tempfile.TemporaryDirectory(prefix='cite-bench-check-') as temporary:
        before = unpack(args.against, Path(temporary) / 'before')
        workspace = Workspace(Path(temporary) / 'models', args.small)
        workspace.folder.mkdir()
        with child_environment(workspace.folder):
            for row in rows:
                reason = row.missing()
                if reason:
                    print(f'{row.key:20} not run: {reason}')
                    continue
                row.prepare(workspace)
                sides = (before, ROOT)
                ratios = pairs(row, workspace, sides, args.repeats, args.threads)
                print(describe(row, ratios), flush=True)
                if statistics.median(ratios) < LEAST:
                    slower.append(row.key)
    if slower:
        print(f'slower than {args.against}: {", ".join(slower)}', file=sys.stderr)
        sys.exit(1)


def unpack(commit: str, folder: Path) -> Path:
    """Write a commit's files into a new folder, which is returned.

    Raises:
        ValueError: the commit does not exist.
    """
    folder.mkdir(parents=True)
    archive = folder.with_suffix('.tar')
    done = subprocess.run(
        ['git', 'archive', '--output', str(archive), commit],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ValueError(f'--against {commit}: {done.stderr.strip()}')
    subprocess.run(['tar', '-xf', str(archive), '-C', str(folder)], check=True)
    return folder


def pairs(
    row: Row,
    workspace: Workspace,
    checkouts: tuple[Path, Path],
    repeats: int,
    threads: int,
) -> list[float]:
    """Measure our side of a row in two checkouts in turns.

    Returns:
        How many times better the second one was, pair by pair.
    """
    ratios = []
    with ExitStack() as stack:
        sides = []
        for root in checkouts:
            sides.append(Side(row, 'ours', workspace, threads, root))
            stack.callback(sides[-1].close)
        for number in range(1 if row.exact else repeats):
            # Each goes first in every other pair.
            order = sides if number % 2 else sides[::-1]
            values = {side: side.measure() for side in order}
            ratios.append(row.ratio(values[sides[0]], values[sides[1]]))
    return ratios


def describe(row: Row, ratios: Sequence[float]) -> str:
    """Return a row's line: the median of its ratios, and all of them."""
    each = ' '.join(f'{ratio:.2f}' for ratio in sorted(ratios))
    return f'{row.key:20} {statistics.median(ratios):.3f}  ({each})'


if __name__ == '__main__':
    run_cli(main)
