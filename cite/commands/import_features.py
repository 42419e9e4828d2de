"""Take over features that TRIDENT, CLAM, STAMP or a CSV holds.

cite import-features trident/20x_256px/features_uni --table slides.csv --out features/a

It writes features/a_1.npy, features/a.txt (annotation) and features/a.json (their
source), which every method on features reads. The table is that of `cite tile` with a
column `label`. Nothing of the files is run. docs/SLIDES.md explains it.
"""

import argparse

from cite.apis.cli import make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('import-features', __doc__)
    add = parser.add_argument
    add('folder', metavar='DIR', help="the package's output")
    add('--table', required=True, metavar='SLIDES.csv', help='columns id and label')
    add('--out', required=True, metavar='PREFIX', help='of the files to write')
    add('--classes', nargs='+', metavar='NAME', help='by number (default: sorted)')
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Import, then print what the config needs."""
    from cite.apis.import_features import import_features

    done = import_features(**vars(args))
    for note in done.notes:
        print(f'note: {note}')
    print(f'{done.rows:,} rows of {done.source}, width {done.width}')
    print(f'feature_file={args.out!r}, num_aug=1, ann_file={str(done.annotation)!r},')
    print(f'classes={done.classes!r}')
    print(f"backbone=dict(type='FeatureBackbone', in_features={done.width})")
