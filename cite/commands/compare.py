"""Compare methods over shots, draws and seeds: tables and a report.

cite compare configs/compare/demo.py --dry-run
cite compare configs/compare/demo.py

Run it again after an interruption, or with methods added to the config: only what is
missing or out of date is run.
"""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from cite.apis.cli import make_parser

_SHOWN = 5  # columns: slides a class, method, runs, accuracy, balanced accuracy
# Modules that the extra `compare` of setup.py installs.
_MODULES = ('jinja2', 'pandas', 'sklearn', 'threadpoolctl')


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    from cite.engines import ENGINES

    parser = make_parser('compare', __doc__)
    add = parser.add_argument
    add('config', metavar='CONFIG', help='config of a comparison, see configs/compare')
    add('--out', type=Path, help="folder (work_dirs/compare/{config's name})")
    add('--engine', choices=ENGINES, default='local', help='runs the jobs (local)')
    add('--jobs', type=int, help='jobs at once (one per GPU, or one per core)')
    add('--dry-run', action='store_true', help='list the jobs and their time only')
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """List the jobs, or run what is missing."""
    from cite.apis.config_file import find_config

    config = str(find_config(args.config))
    _check_modules()
    from cite.compare.run import default_out, list_jobs, run_comparison
    from cite.engines import slots

    if args.dry_run:
        print(list_jobs(config, args.out, slots(args.jobs)))
        return
    try:
        failed = run_comparison(config, args.out, args.engine, args.jobs)
    except KeyboardInterrupt:
        print('stopped; the same command continues from here', file=sys.stderr)
        sys.exit(130)
    out = args.out or default_out(config)
    for name, reason in failed.items():
        print(f'failed: {name}: {reason} ({out}/jobs/{name}/log.txt)', file=sys.stderr)
    print(_headline(Path(out) / 'table.md'))
    print(f'{"incomplete: " if failed else ""}{out}/report.html')
    if failed:
        sys.exit(1)


def _headline(table: Path) -> str:
    """Return the slides' table as far as the first two figures."""
    if not table.is_file():
        return ''
    lines = table.read_text(encoding='utf-8').split('\n\n')
    first = next((part for part in lines if part.startswith('|')), '')
    rows = [row.strip('| ').replace('\\', '').split(' | ') for row in first.split('\n')]
    cells = [row[:_SHOWN] for i, row in enumerate(rows) if i != 1]  # 1: the rule
    widths = [max(map(len, column)) for column in zip(*cells)]
    return '\n'.join(
        '  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in cells
    )


def _check_modules() -> None:
    missing = [name for name in _MODULES if find_spec(name) is None]
    if missing:
        raise ValueError(
            f'cite compare needs {", ".join(missing)}: '
            'pip install jinja2 pandas scikit-learn.'
        )
