"""Draw slides, train CITE on them and test it, with the commands of a user.

python tools/demo.py                                 # what `make demo` runs
python tools/demo.py --seeds 0 1 2 3 4 --controls    # the table of docs/DEMO.md
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import torch

from cite.apis.cli import run_cli
from cite.apis.config_file import read_config
from cite.apis.shell import shell_setup

from .data import Size, prepare
from .demo import DATA, run_demo
from .report import closing, table
from .run import CONFIG

ROOT = Path(__file__).resolve().parents[1]


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='python tools/demo.py',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument(
        '--seed', type=int, default=0, help='seed of slides, weights, training'
    )
    seeds.add_argument(
        '--seeds', type=int, nargs='+', help='one demo per seed, and a table'
    )
    add('--data-only', action='store_true', help='only make slides and models')
    add('--controls', action='store_true', help='shuffled labels, an untrained model')
    add('--data', type=Path, help='folder for slides and models (data/demo)')
    add('--work-dir', type=Path, help="folder for checkpoints (the config's)")
    size = Size()
    add('--slides', type=int, default=size.slides, help=f'per class ({size.slides})')
    add('--patches', type=int, default=size.patches, help=f'per slide ({size.patches})')
    add('--iterations', type=int, help="iterations of training (the config's)")
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as of mim')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the demo once, or once per seed."""
    os.chdir(ROOT)
    torch.set_num_threads(1)  # as in the commands: the same bits on any machine
    args = parse_args(argv)
    data = args.data or Path(os.environ.get('DEMO_DATA') or DATA)
    size = Size(args.slides, args.patches, args.iterations)
    options = dict(option.split('=', 1) for option in args.cfg_options)
    if args.data_only:
        config = read_config(CONFIG, variables={'DEMO_DATA': str(data)})
        prepare(data, args.seed, size, config.model.head.texts)
        return
    start = time.monotonic()
    print(f'To type the commands below, first:\n  {shell_setup()}', flush=True)
    if args.seeds is None:
        demo = run_demo(args.seed, data, args.work_dir, size, args.controls, options)
        if args.controls:
            print(f'\n{table([demo])}')
        print(closing(demo, time.monotonic() - start))
        return
    # Each seed has its own folders, beside those of `make demo`.
    data = data.with_name(f'{data.name}_seeds')
    work_dir = args.work_dir or Path('work_dirs/demo_seeds')
    demos = [
        run_demo(
            *(seed, data / str(seed), work_dir / str(seed)),
            *(size, args.controls, options),
        )
        for seed in args.seeds
    ]
    print(f'\n{table(demos)}')


if __name__ == '__main__':
    run_cli(main)
