"""Measure the released way and ours side by side, on generated slides and models.

python tools/benchmark.py --json benchmark.json
python tools/benchmark.py --rows forward checkpoint

docs/BENCHMARK.md describes the rows and what bounds them.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from cite.apis.cli import run_cli

from .compare import child_environment, compare, stack, table
from .models import instruction_set
from .peaks import peaks
from .row import Workspace, pick
from .rows import all_rows


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='python tools/benchmark.py',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--rows', nargs='+', metavar='KEY', help='rows to measure (default: all)')
    add('--json', type=Path, metavar='FILE', help='also write the rows here')
    add('--repeats', type=int, default=5, help='measurements per side (default: 5)')
    add('--threads', type=int, help="threads of torch (default: torch's)")
    add('--work-dir', type=Path, help='folder for models (default: a temporary one)')
    add(
        '--small',
        action='store_true',
        help='tiny models, to try the code',
    )
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Measure row after row and print the table."""
    args = parse_args(argv)
    rows = pick(all_rows(), args.rows)
    with tempfile.TemporaryDirectory(prefix='cite-benchmark-') as temporary:
        folder = (args.work_dir or Path(temporary)).resolve()  # sides start elsewhere
        folder.mkdir(parents=True, exist_ok=True)
        lines = []
        with child_environment(folder):
            for row in rows:
                print(f'{row.key} …', file=sys.stderr, flush=True)
                workspace = Workspace(folder, args.small)
                lines.append(compare(row, workspace, args.repeats, args.threads))
                if args.json:
                    args.json.write_text(json.dumps(lines, indent=1) + '\n')
    print(f'{stack()}; bf16: {instruction_set()}\n')
    print(table(lines))
    print('\n' + '\n'.join(peaks()))


if __name__ == '__main__':
    run_cli(main)
