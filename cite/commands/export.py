"""Write all weights of a trained model into one file.

cite export CONFIG work_dirs/…/latest.pth model.safetensors
cite export CONFIG work_dirs/…/latest.pth model.pth --plain

For users who do not have the frozen weights, which checkpoints of a run leave out.
"""

import argparse

from cite.apis.cli import add_cfg_options, make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('export', __doc__)
    add = parser.add_argument
    add('config', metavar='CONFIG')
    add('checkpoint', metavar='CHECKPOINT')
    add('out', metavar='OUT', help='.pth or .safetensors')
    add('--plain', action='store_true', help='only what mmcls and the release know')
    add_cfg_options(parser)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Export, then print the file's name and size."""
    from cite.apis.export import export_checkpoint

    out = export_checkpoint(**vars(args))
    print(f'{out}: {out.stat().st_size / 1e6:.1f} MB')
