"""Take over features that TRIDENT, CLAM, STAMP or a CSV holds.

cite import-features trident/20x_256px/features_uni --table slides.csv --out features/a

It writes features/a_1.npy, features/a.txt (annotation) and features/a.json (their
source), which every method on features reads. The table is that of `cite tile` with a
column `label`. With --verify 20 --model MODEL, 20 tiles of the slides in the table's
column `file` are computed again first; if they differ, it says what does, writes
nothing and ends with 1. Nothing of the files is run. docs/SLIDES.md explains it.
"""

import argparse
import sys

from cite.apis.cli import make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('import-features', __doc__)
    add = parser.add_argument
    add('folder', metavar='DIR', help="the package's output")
    add('--table', required=True, metavar='SLIDES.csv', help='columns id and label')
    add('--out', required=True, metavar='PREFIX', help='of the files to write')
    add('--classes', nargs='+', metavar='NAME', help='by number (default: sorted)')
    group = parser.add_argument_group('check against the slides first')
    add = group.add_argument
    add('--verify', type=int, metavar='K', help='tiles to compute again')
    add('--model', metavar='MODEL', help='folder of `cite export` with the encoder')
    add('--weights', help="the backbone's weights, if they are not where they were")
    args = parser.parse_args(argv)
    if (args.verify is None) != (args.model is None):
        parser.error('--verify K and --model MODEL go together')
    return args


def main(args: argparse.Namespace) -> None:
    """Import, then print what the config needs; the exit code is 1 if K do not fit."""
    from cite.apis.import_features import import_features

    if args.verify is not None:
        _verify(args)
    done = import_features(args.folder, args.table, args.out, args.classes)
    for note in done.notes:
        print(f'note: {note}')
    print(f'{done.rows:,} rows of {done.source}, width {done.width}')
    print(f'feature_file={args.out!r}, num_aug=1, ann_file={str(done.annotation)!r},')
    print(f'classes={done.classes!r}')
    print(f"backbone=dict(type='FeatureBackbone', in_features={done.width})")


def _verify(args: argparse.Namespace) -> None:
    """Print how far the features are from the model's; end if they do not fit."""
    from cite.inference.predictor import Predictor
    from cite.inference.verify_features import verify_features

    predictor = Predictor(args.model, weights=args.weights)
    verified = verify_features(args.folder, args.table, predictor, args.verify)
    print(verified)
    if verified.differs:
        print('Nothing was imported.', file=sys.stderr)
        sys.exit(1)
