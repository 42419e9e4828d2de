"""Write a trained model for others: a folder without code, or one file.

cite export CONFIG work_dirs/…/latest.pth grades/
cite export CONFIG work_dirs/…/latest.pth grades/ --results results.json --torchscript
cite export CONFIG work_dirs/…/latest.pth model.safetensors
cite export CONFIG work_dirs/…/latest.pth model.pth --plain

A folder holds what was trained (a few megabytes), a description as data and a model
card: docs/MODEL_FOLDER.md. A file holds all weights, the frozen ones included, which
checkpoints of a run leave out.
"""

import argparse
from pathlib import Path

from cite.apis.cli import add_cfg_options, make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('export', __doc__)
    add = parser.add_argument
    add('config', metavar='CONFIG')
    add('checkpoint', metavar='CHECKPOINT')
    add('out', metavar='OUT', help='folder, or file that ends in .pth or .safetensors')
    add('--plain', action='store_true', help='a file: what mmcls and the release know')
    folder = parser.add_argument_group('a folder')
    add = folder.add_argument
    add('--results', metavar='JSON', help="of cite test, for the card's metrics")
    add('--table', metavar='CSV', help='slide_id and patient: hashes of the patients')
    add(
        '--training-patches',
        type=int,
        default=2000,
        metavar='N',
        help='patches to summarise the features of (2000; 0: none)',
    )
    add(
        '--torchscript',
        action='store_true',
        help="also OUT/torchscript, for QuPath's WSInfer extension",
    )
    add_cfg_options(parser)
    args = parser.parse_args(argv)
    is_file = Path(args.out).suffix in ('.pth', '.safetensors')
    of_folder = args.results or args.table or args.torchscript
    if is_file and of_folder:
        parser.error('--results, --table and --torchscript need a folder as OUT')
    if args.plain and not is_file:
        parser.error('--plain needs a file as OUT: .pth or .safetensors')
    if args.training_patches < 0:
        parser.error('--training-patches: give 0 or more')
    args.is_file = is_file
    return args


def main(args: argparse.Namespace) -> None:
    """Export, then print what was written and how large it is."""
    paths = args.config, args.checkpoint, args.out
    if args.is_file:
        from cite.apis.export import export_checkpoint

        out = export_checkpoint(*paths, args.plain, args.options)
        print(f'{out}: {out.stat().st_size / 1e6:.1f} MB')
        return
    from cite.inference.model_folder.export import export_model

    out = export_model(
        *paths, args.options, args.training_patches, args.table, args.results
    )
    print(_summary(out))
    if args.torchscript:
        from cite.inference.model_folder.torchscript import export_torchscript

        print(f'{export_torchscript(out)}: for WSInfer, as QuPath runs it')


def _summary(out: Path) -> str:
    """Say what a model folder holds, and what it needs."""
    from cite.core.messages import count
    from cite.inference.model_folder.read import read_model

    config = read_model(out).config
    weights, slides = config['backbone_weights'], len(config['training']['slides'])
    lines = [
        f'{out}: {config["weights"]["bytes"] / 1e6:.2f} MB, '
        f'{count(len(config["classes"]), "class")}, trained on '
        f'{count(slides, "slide")}'
    ]
    if weights['features']:
        lines.append('It scores features: the backbone of the images is not in it.')
    elif weights['in_folder']:
        lines.append('All weights are in it.')
    else:
        source = weights['source']
        lines.append(f'It needs the frozen weights {source}, which are not in it.')
    return '\n'.join(lines)
