"""Write all weights of a trained model, for whoever has not the frozen ones.

python tools/export_checkpoint.py CONFIG work_dirs/…/latest.pth model.safetensors
python tools/export_checkpoint.py CONFIG work_dirs/…/latest.pth model.pth --plain
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from mmcv import DictAction

# The command also works in a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cite.apis.cli import run_cli
from cite.apis.export import export_checkpoint


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('config', metavar='CONFIG')
    add('checkpoint', metavar='CHECKPOINT')
    add('out', metavar='OUT', help='.pth or .safetensors')
    add(
        '--plain',
        action='store_true',
        help='only what the released code and mmcls know',
    )
    add('--cfg-options', dest='options', nargs='+', action=DictAction)
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Export and say where to."""
    out = export_checkpoint(**vars(parse_args(argv)))
    print(f'{out}: {out.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
    run_cli(main)
