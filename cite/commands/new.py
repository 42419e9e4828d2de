"""Start a project: classes, split and config for your own patches.

cite new mine --from data/mine                      # Phikon and BioLinkBERT
cite new mine --from data/mine --backbone clip --text minilm --short --compare
cite new mine --compare mine/phikon_biolinkbert_large.py    # later: a comparison

The folder has patches_captions/ and the table captions.csv (docs/YOUR_DATA.md). Files
that are there are never overwritten.
"""

import argparse
from typing import Optional

from cite.apis.cli import RULE_HELP, make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('new', __doc__)
    add = parser.add_argument
    add('name', metavar='NAME', help='folder of the project, which is made')
    add('--from', dest='data', metavar='DATA', help='folder of patches and table')
    add(
        '--backbone',
        default='phikon',
        metavar='MODEL',
        help='image model: phikon (default), clip, dinov2, uni, virchow, conch, … '
        '(docs/MODEL_ZOO.md), or timm:NAME',
    )
    add('--weights', metavar='FILE', help="file or folder of the image model's weights")
    add(
        '--image-stats',
        metavar='NAME',
        help='how images of these weights are normalised, if their file does not say: '
        'imagenet, clip or half (mean and deviation 0.5); ask who trained them',
    )
    add(
        '--text',
        default='biolinkbert',
        metavar='MODEL',
        help='language model: biolinkbert (default), pubmedbert, minilm, … or a folder',
    )
    add('--slide', metavar='RULE', help=RULE_HELP)
    add('--classes', metavar='FILE', help='class name: [subtypes] (default: each one)')
    add('--mpp', type=float, help='microns per pixel of the patches, if known')
    add('--val', type=float, default=0.5, help="evaluation's share of each class")
    add(
        '--short',
        action='store_true',
        help='100 iterations of 16 patches, for a CPU or a first look, not 1000 of 128',
    )
    add(
        '--compare',
        nargs='?',
        const=True,
        metavar='CONFIG',
        help='write compare.py, too; without --from, for the data of this CONFIG',
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Write the files, and print what was found and what to type next."""
    from cite.apis.new_project import compare_command, new_comparison, new_project
    from cite.apis.split.split_notes import table_of_files

    options = vars(args)
    name, data, compare = options.pop('name'), options.pop('data'), args.compare
    if data is None:
        if not isinstance(compare, str):
            raise ValueError('name the folder of your patches: --from data/mine.')
        path = new_comparison(name, compare)
        print(f'written: {path}\nnext:\n  {compare_command(path)}')
        return
    if isinstance(compare, str):
        raise ValueError(f'--compare {compare}: leave the config out beside --from.')
    project = new_project(name, data, **{**options, 'compare': bool(compare)})
    split, data = project.split, project.data
    print(table_of_files(split.classes, _without_draws(split.files), split.rule))
    for note in split.notes:
        print(note)
    patients = f'column {data.patient!r}' if data.patient else 'not in the table'
    print(f'slide of a patch: {data.slide}; patients: {patients}')
    print(f'patches: {_scale(data.patch_pixels, data.mpp)}')
    print(f'image model: {project.weights[0]}')
    print(f'language model: {project.weights[1]}')
    folder = next(iter(split.files)).parent
    print(f'written: {", ".join(map(str, project.files))}, {folder}')
    print('next:', *(f'  {command}' for command in project.commands), sep='\n')


def _scale(pixels: Optional[int], mpp: Optional[float]) -> str:
    width = f'{pixels} pixels wide' if pixels else 'of several sizes'
    if mpp is not None:
        return f'{width}, {mpp:g} µm a pixel'
    return f'{width}; `cite predict` will take 0.5 µm a pixel (--mpp, or the config)'


def _without_draws(files: dict) -> dict:
    return {path: lines for path, lines in files.items() if '_draw' not in path.name}
