"""Check a config before hours are spent on it.

cite check configs/glas/cite_vit-tiny_minilm.py
SHOTS=4 cite check CONFIG --sample 2000 --json report.json

Looks at the environment, the weights, the text encoder, the annotation files (also for
slides and patients on both sides of the split) and decodes every image. The exit code
is 0 if a run can start, 1 if something is wrong, 2 if the command is mistyped.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from cite.apis.cli import add_cfg_options, make_parser


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f'{text} is below 0')
    return number


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('check', __doc__)
    add = parser.add_argument
    add('config', metavar='CONFIG', help='config file, as mim train takes it')
    add('--workers', type=_count, help='processes that decode (default: all cores)')
    add(
        '--no-decode',
        dest='decode',
        action='store_false',
        help='only look whether the images exist',
    )
    add('--sample', type=_count, metavar='N', help='look at N images, drawn at random')
    add('--captions', metavar='FILE', help='table of slides (default: beside the data)')
    add('--patient', metavar='COLUMN', help="its patients' column (default: patient)")
    add('--json', metavar='FILE', help='write the report as JSON; - prints it')
    add_cfg_options(parser, 'cfg_options')
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Check, print the report, and end with 1 if a run should not start."""
    from cite.apis.check import Options, check_config

    options = vars(args)
    config, out = options.pop('config'), options.pop('json')
    if out not in (None, '-'):
        _check_writable(Path(out))
    report = check_config(config, Options(**options))
    content = json.dumps(report.as_dict(), indent=2, default=str)
    if out == '-':
        print(content)
    else:
        print(report.text())
        if out:
            Path(out).write_text(content + '\n', encoding='utf-8')
    if not report.ok:
        sys.exit(1)


def _check_writable(out: Path) -> None:
    """Refuse a place for the report before the work, which may take minutes."""
    if out.is_dir() or not out.parent.is_dir():
        what = 'is a folder' if out.is_dir() else f'there is no folder {out.parent}'
        raise ValueError(f'--json {out}: {what}. Name a file in a folder that exists.')
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise PermissionError(f'--json {out}: you may not write there. Name another.')
