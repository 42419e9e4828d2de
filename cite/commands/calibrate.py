"""Calibrate an exported model on held-out slides.

cite calibrate grades/ answers/slides.csv --table slides_with_grades.csv
cite calibrate grades/ results.json --ann-file data/…/val_0.5.txt --table patients.csv

Fits a temperature, which makes probabilities honest, and the threshold of the sets of
classes that hold the true one in 1 - ALPHA of slides, by patient where the table has a
column of patients; writes both into the model folder with the number they rest on.
"""

import argparse

from cite.apis.cli import make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('calibrate', __doc__)
    add = parser.add_argument
    add('model', metavar='MODEL', help='folder of `cite export`')
    add(
        'predictions',
        metavar='PREDICTIONS',
        help='slides.csv of `cite predict`, or the JSON of `cite test … --out`',
    )
    add('--ann-file', help='annotation file that was tested on, for a JSON')
    add('--table', help='CSV: slide_id, class, and perhaps patient')
    add('--alpha', type=float, default=0.1, help='share that sets may miss (0.1)')
    add(
        '--uncalibrated',
        action='store_true',
        help='PREDICTIONS were made before MODEL was calibrated',
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Calibrate, then print what was written."""
    from cite.inference.calibrate import calibrate
    from cite.inference.model_folder.model_card import calibration_words

    calibration = calibrate(**vars(args))
    print(f'{args.model}: {calibration_words(vars(calibration))}')
    if calibration.unit == 'slide':
        print(
            'Each slide counts as a patient. Where patients have several, the sets '
            'miss more than they say: give --table with a column of patients.'
        )
