"""Predict slides with an exported model: tables, maps and pages.

cite predict slides/ --model work_dirs/glas/model --out answers
cite predict --texts new.yml --model MODEL --out answers

SLIDES are slide files and folders of slides or patches. The same command continues an
interrupted run. With --texts alone, features kept by --features are scored again.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from cite.apis.cli import RULE_HELP, add_key_values, make_parser


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    from cite.engines import ENGINES

    parser = make_parser('predict', __doc__)
    add = parser.add_argument
    add('slides', nargs='*', metavar='SLIDES', help='slide files and folders')
    add('--model', required=True, help='folder written by `cite export`')
    add('--out', required=True, type=Path, help='folder of answers')
    add('--weights', help="the backbone's weights, if they are not where they were")
    add('--texts', help='YAML of other texts for the classes')
    add('--mpp', help='µm a pixel: a number, or a table with the columns slide,mpp')
    add('--slide', default='prefix', metavar='RULE', help=RULE_HELP)
    add('--roi', type=Path, help='GeoJSON of the area, or a folder of NAME.geojson')
    add('--stride', type=float, default=1.0, help='step in tiles (default: 1)')
    add('--min-tissue', type=float, default=0.5, help='share of a tile (default: 0.5)')
    add('--features', action='store_true', help='keep the features of the tiles')
    add('--no-viewer', action='store_true', help="leave out the viewer's pages")
    add('--stability', action='store_true', help='also with the grid moved and scaled')
    add('--batch-size', type=int, default=64)
    add('--workers', type=int, default=2, help='loading processes (default: 2)')
    add('--device', help='such as cuda:1 or cpu (default: a GPU if there is one)')
    group = parser.add_argument_group('several slides at once')
    add = group.add_argument
    add('--engine', choices=ENGINES, help='processes, Ray or Slurm (default: none)')
    add('--jobs', type=int, help='slides at once (default: one a GPU, or one a core)')
    add_key_values(group, '--slurm', 'of submitit, such as slurm_partition=gpu')
    args = parser.parse_args(argv)
    args.engine = args.engine or (None if args.jobs is None else 'local')
    if args.slurm and args.engine != 'slurm':
        parser.error('--slurm needs --engine slurm')
    return args


def main(args: argparse.Namespace) -> None:
    """Predict what is missing, or score stored features with other texts."""
    from cite.inference.predictor import Predictor

    if not args.slides and not args.texts:
        raise ValueError('name slide files or folders, or give --texts NEW.yml.')
    chosen = {name: getattr(args, name) for name in ('device', 'texts', 'weights')}
    load_model = partial(Predictor, args.model, **chosen)
    if not args.slides:
        return _reword(load_model(), args)
    try:
        failures = _predict(load_model, args)
    except KeyboardInterrupt:
        print('stopped; the same command continues from here', file=sys.stderr)
        sys.exit(130)
    for file, reason in failures.items():
        print(f'failed: {file}: {reason}', file=sys.stderr)
    print(f'{"incomplete: " if failures else ""}{args.out / "report.html"}')
    if failures:
        sys.exit(1)


def _predict(load_model: Any, args: argparse.Namespace) -> dict[str, str]:
    """Predict here, or by an engine whose workers load the model themselves."""
    from cite.engines import make_engine
    from cite.inference.predict.answer_slide import Options
    from cite.inference.predict.jobs import find_jobs
    from cite.inference.predict.predict_slide import Load
    from cite.inference.predict.run import predict_by_engine, predict_slides

    keep = args.features, not args.no_viewer, args.stability
    options = Options(args.stride, args.min_tissue, *keep)
    jobs = find_jobs(args.slides, args.mpp, args.roi, args.slide)
    load = Load(args.batch_size, args.workers, bar=args.engine is None)
    if args.engine is None:
        return predict_slides(load_model(), jobs, args.out, options, load)
    folder = str(args.out.absolute() / 'slurm')
    engine = make_engine(args.engine, args.jobs, args.slurm or {}, folder)
    return predict_by_engine(engine, load_model, jobs, args.out, options, load)


def _reword(predictor: Any, args: argparse.Namespace) -> None:
    from cite.inference.predict.reword import reword

    label = Path(args.texts).stem
    moved = reword(predictor, args.out, label)
    number = f'{sum(slide.moved for slide in moved)} of {len(moved)}'
    print(*moved, f'{number} slides moved: {args.out / "texts" / label}', sep='\n')
