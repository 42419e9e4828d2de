"""Divide the slides of a data set into annotation files.

cite ann                      # PatchGastric in data/: the released split
cite ann --data-path DATA --classes classes.yml --group-by patient
cite ann --data-path DATA --classes classes.yml --slide folder
"""

import argparse

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
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Write the files and print what they hold."""
    from cite.apis.split.split import make_split
    from cite.apis.split.split_notes import table_of_files
    from cite.datasets.tables.class_file import read_class_file

    options = vars(args)
    if options['classes'] is not None:
        options['classes'] = read_class_file(options['classes'])
    split = make_split(**options)
    print(table_of_files(split.classes, split.files, split.rule))
    for note in split.notes:
        print(note)
    print(f'written to {next(iter(split.files)).parent}')
