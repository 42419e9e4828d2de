"""Train and test methods x shots x draws x seeds, and write the tables and a report.

python tools/compare.py configs/compare/demo.py --dry-run
python tools/compare.py configs/compare/demo.py

Run it again after an interruption, or with methods added to the config: only what is
missing or out of date is run.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

# The command also works in a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cite.apis.cli import run_cli
from cite.apis.config_file import find_config
from cite.compare.engines import ENGINES, slots
from cite.compare.run import default_out, list_jobs, run_comparison


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('config', metavar='CONFIG', help='such as those of configs/compare')
    add('--out', type=Path, help="folder (work_dirs/compare/{config's name})")
    add('--engine', choices=ENGINES, default='local', help='where jobs run (local)')
    add('--jobs', type=int, help='at once (one a GPU, or one a core)')
    add('--dry-run', action='store_true', help='list the jobs and their time only')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """List the jobs, or run what is missing."""
    args = parse_args(argv)
    config = str(find_config(args.config))
    if args.dry_run:
        print(list_jobs(config, args.out, slots(args.jobs)))
        return
    try:
        failed = run_comparison(config, args.out, args.engine, args.jobs)
    except KeyboardInterrupt:
        print('stopped; the same command goes on from here', file=sys.stderr)
        sys.exit(130)
    out = args.out or default_out(config)
    for name, reason in failed.items():
        print(f'failed: {name}: {reason} ({out}/jobs/{name}/log.txt)', file=sys.stderr)
    print(f'{"incomplete: " if failed else ""}{out}')
    if failed:
        sys.exit(1)


if __name__ == '__main__':
    run_cli(main)
