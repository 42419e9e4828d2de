"""Cut slide files into a data set of patches.

cite tile slides/ --out data/mine
cite tile a.svs b.tif --out data/mine --mpp scales.csv --max-tiles 500

It writes patches_captions/, slides.csv, masks and thumbnails. An interrupted run
continues where it stopped; a slide that fails does not stop the others. docs/SLIDES.md
explains what is written.
"""

import argparse
import sys

from cite.apis.cli import make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser('tile', __doc__)
    add = parser.add_argument
    add('slides', metavar='SLIDE_OR_FOLDER', nargs='+')
    add('--out', required=True, metavar='FOLDER', help='the data set')
    add('--mpp', metavar='NUMBER_OR_TABLE', help='microns per pixel of the slides')
    add('--roi', metavar='GEOJSON', help='tissue: a file, or a folder of them')
    add('--patch-pixels', type=int, default=300, help='edge of a tile (default: 300)')
    add('--patch-mpp', type=float, default=0.5, help='its scale (default: 0.5)')
    add('--stride', type=float, default=1.0, help='distance in tiles (default: 1)')
    add('--min-tissue', type=float, default=0.5, help='share (default: 0.5)')
    add('--max-tiles', type=int, metavar='N', help='random tiles of a slide with more')
    add('--seed', type=int, default=0, help='seed of that choice (default: 0)')
    add('--format', choices=('jpg', 'png'), default='jpg', help='png: without loss')
    add(
        '--slide',
        choices=('prefix', 'folder'),
        default='prefix',
        help='folder: a folder for each slide, whose id keeps its "_"',
    )
    add('--workers', type=int, default=4, help='threads that read (default: 4)')
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Cut the slides; the exit code is 1 if one failed."""
    from cite.apis.tile import TileSettings, tile_slides
    from cite.core.messages import count

    options = vars(args)
    names = ('slides', 'out', 'mpp', 'roi', 'workers')
    run = {name: options.pop(name) for name in names}
    tiled = tile_slides(**run, settings=TileSettings(**options))
    tiles = count(sum(row['tiles'] for row in tiled.rows), 'tile')
    print(f'{tiles} of {count(len(tiled.rows), "slide")} in {run["out"]}')
    if tiled.failed:
        print(f'{count(len(tiled.failed), "slide")} failed, see above', file=sys.stderr)
        sys.exit(1)
