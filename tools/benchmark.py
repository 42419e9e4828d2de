"""Measure the released way and ours side by side, on generated slides and models.

python tools/benchmark.py --json benchmark.json
python tools/benchmark.py --rows forward checkpoint

docs/BENCHMARK.md says what the rows are and what bounds them.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

# The command also works in a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.compare import compare, stack, table
from benchmarks.environment import child_environment
from benchmarks.models import instruction_set
from benchmarks.peaks import peaks
from benchmarks.row import Workspace, pick
from benchmarks.rows import all_rows
from cite.apis.cli import run_cli


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--rows', nargs='+', metavar='KEY', help='which (default: all)')
    add('--json', type=Path, metavar='FILE', help='write the rows here too')
    add('--repeats', type=int, default=5, help='measurements of a side (default: 5)')
    add('--threads', type=int, help="of torch (default: torch's)")
    add('--work-dir', type=Path, help='for models (default: a temporary one)')
    add('--small', action='store_true', help='tiny models: tries the code, not speed')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Measure row after row and print the table."""
    args = parse_args(argv)
    rows = pick(all_rows(), args.rows)
    with tempfile.TemporaryDirectory(prefix='cite-benchmark-') as temporary:
        folder = args.work_dir or Path(temporary)
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
