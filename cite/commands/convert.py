"""Convert a published checkpoint into one that CITE's backbones load.

cite convert vit-b-300ep.pth.tar moco_vitb16.safetensors
cite convert RETFound_mae_natureCFP.pth retfound.safetensors
cite convert B_16.npz augreg_vitb16.safetensors --from vit
cite convert path/to/plip plip.safetensors --from clip
cite convert dinov2_vitb14_pretrain.pth dinov2_vitb14.safetensors
cite convert vit4k_xs_dino.pth hipt_4k.safetensors --from hipt

The source is never changed. Plain ViTs are written for timm (TIMMImageBackbone), by
`--to mmcls`, and from MoCo, for mmcls' VisionTransformer: those have names under
`backbone.`; a backbone loads them with
init_cfg=dict(type='Pretrained', checkpoint=OUT, prefix='backbone'), or without prefix
where they were written with --prefix ''. Files for CLIP are named by arch=OUT.
docs/MODEL_ZOO.md has a row for each model.
"""

import argparse

from cite.apis.cli import make_parser

# The keys of cite.apis.convert's LAYOUTS and TARGETS, which would import torch.
LAYOUTS = (
    *('moco', 'remedis', 'internimage', 'ctranspath', 'dinov2', 'vit'),
    *('clip', 'hipt', 'dino', 'mae', 'retfound', 'timm'),
)
TARGETS = ('timm', 'mmcls', 'clip', 'internimage')


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('convert', __doc__)
    add = parser.add_argument
    add('source', metavar='SOURCE', help='weights file, or a folder of the hub')
    add('out', metavar='OUT', help='file to write: .safetensors, .pth or .pt')
    add('--from', dest='layout', choices=LAYOUTS, help='origin (default: guessed)')
    add('--to', dest='target', choices=TARGETS, help='model (default: what fits)')
    add(
        '--prefix',
        default='backbone.',
        help="before mmcls' names (default: backbone., as the release wrote)",
    )
    add('--force', action='store_true', help='replace OUT if it exists')
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Convert the file and print which names matched and how to use it."""
    from cite.apis.convert import convert_checkpoint

    convert_checkpoint(**vars(args))
