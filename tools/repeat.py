"""Train and test configs over several seeds and print the mean ± sd of each metric.

python tools/repeat.py configs/glas/cite_vit-tiny_minilm.py --seeds 0 1 2 3 4
"""

import argparse
import sys
from pathlib import Path

# The command also works in a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cite.apis.cli import run_cli
from cite.apis.repeat import repeat, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('configs', nargs='+', metavar='CONFIG')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument(
        '--metrics', nargs='+', default=['bag_accuracy', 'mean_bag_accuracy']
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/repeat'))
    args = parser.parse_args()
    rows = {
        Path(config).stem: repeat(config, args.seeds, args.metrics, args.work_dir)
        for config in args.configs
    }
    print(table(rows, args.metrics))


if __name__ == '__main__':
    run_cli(main)
