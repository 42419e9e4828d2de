"""Convert a published checkpoint into one that CITE's backbones load.

python tools/convert_model.py vit-b-300ep.pth.tar moco_vitb16.safetensors
python tools/convert_model.py RETFound_cfp_weights.pth retfound.safetensors
python tools/convert_model.py B_16.npz augreg_vitb16.safetensors --from vit
python tools/convert_model.py path/to/plip plip.safetensors --from clip

python tools/convert_model.py dinov2_vitb14_pretrain.pth dinov2_vitb14.safetensors
python tools/convert_model.py vit4k_xs_dino.pth hipt_4k.safetensors --from hipt

The source is never changed. Plain ViTs are written for timm (TIMMImageBackbone), by
`--to mmcls`, and from MoCo, for mmcls' VisionTransformer: those have names under
`backbone.`; a backbone loads them with
init_cfg=dict(type='Pretrained', checkpoint=OUT, prefix='backbone'), or without prefix
where they were written with --prefix ''. Files for CLIP are named by arch=OUT.
docs/MODEL_ZOO.md has a row for each model.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

# The command also works in a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cite.apis.cli import run_cli
from cite.apis.convert import LAYOUTS, TARGETS, convert_checkpoint


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        'source',
        metavar='SOURCE',
        help='weights file, or a folder of the hub',
    )
    add('out', metavar='OUT', help='file to write: .safetensors, .pth or .pt')
    add(
        '--from',
        dest='layout',
        choices=list(LAYOUTS),
        help='where the source is from (default: guessed)',
    )
    add(
        '--to',
        dest='target',
        choices=list(TARGETS),
        help='model to write for (default: the one that fits)',
    )
    add(
        '--prefix',
        default='backbone.',
        help="before mmcls' names (default: backbone., as the release wrote)",
    )
    add('--force', action='store_true', help='replace OUT if it is there')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Convert the file and print which names matched and how to use it."""
    convert_checkpoint(**vars(parse_args(argv)))


if __name__ == '__main__':
    run_cli(main)
