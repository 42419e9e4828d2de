"""Divide the slides of a data set into annotation files.

cite ann                      # PatchGastric in data/: the released split
cite ann --data-path DATA --classes classes.yml --group-by patient
cite ann --data-path DATA --classes classes.yml --slide folder
cite ann --data-path DATA --classes classes.yml --from-clam splits/task_1
"""

import argparse
from pathlib import Path

from cite.apis.cli import RULE_HELP, make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('ann', __doc__)
    add = parser.add_argument
    add('--data-path', default='data/', help='holds captions.csv and patches_captions/')
    add('--out', help='folder to write to (default: {data-path}/gastric_cls3_ann)')
    add('--val', type=float, default=0.8, help="evaluation's share of each class")
    add('--seed', type=int, default=0, help='seed of the draw (default: 0)')
    add(
        '--shots',
        type=int,
        nargs='*',
        default=[1, 2, 4, 8, 16],
        help='slides per class of the few-slide files (default: 1 2 4 8 16)',
    )
    add(
        '--draws',
        type=int,
        default=0,
        metavar='N',
        help='more random choices of the few slides: train_4_0.2_draw3.txt',
    )
    add('--slide', default='prefix', metavar='RULE', help=RULE_HELP)
    add('--classes', help='YAML file, class name: [subtypes] (default: PatchGastric)')
    add(
        '--group-by',
        metavar='COLUMN',
        help='keep slides with equal values, such as a patient, on one side',
    )
    add(
        '--allow-missing',
        action='store_true',
        help='leave slides without patches out instead of stopping',
    )
    add(
        '--features',
        nargs='+',
        metavar='PREFIX',
        help='split the rows of files of `cite import-features` instead of patches',
    )
    add('--to-clam', metavar='DIR', help="write the draws as CLAM's splits, too")
    add(
        '--from-clam',
        metavar='DIR',
        help="take CLAM's splits_0.csv, splits_1.csv, … instead of drawing slides",
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Write the files and print what they hold."""
    from cite.apis.split.clam import write_clam_splits
    from cite.apis.split.split import make_split
    from cite.apis.split.split_notes import table_of_files
    from cite.core.messages import count
    from cite.datasets.tables.class_file import read_class_file

    options = vars(args)
    if options['classes'] is not None:
        options['classes'] = read_class_file(options['classes'])
    to_clam, from_clam = options.pop('to_clam'), options.pop('from_clam')
    if from_clam:
        from cite.apis.split.import_clam import import_clam

        keys = ('data_path', 'out', 'classes', 'features', 'group_by', 'slide')
        split = import_clam(from_clam, **{key: options[key] for key in keys})
    else:
        split = make_split(**options)
    print(table_of_files(split.classes, split.files, split.rule))
    for note in split.notes:
        print(note)
    print(f'written to {next(iter(split.files)).parent}')
    if to_clam:
        paths = write_clam_splits(Path(to_clam), split.files, split.rule)
        print(f'{count(len(paths), "split")} of CLAM written to {to_clam}')
