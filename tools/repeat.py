"""Train and test configs over several seeds and print the mean ± sd of each metric.

python tools/repeat.py configs/glas/*_vit-tiny*.py --seeds 0 1 2 3 4

Run it again after an interruption: what was finished is kept.
"""

import argparse
import sys
from pathlib import Path

# The command also works in a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cite.apis.cli import run_cli
from cite.apis.repeat import repeat_configs, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('configs', nargs='+', metavar='CONFIG')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument(
        '--metrics', nargs='+', default=['bag_accuracy', 'mean_bag_accuracy']
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/repeat'))
    args = parser.parse_args()
    rows = repeat_configs(args.configs, args.seeds, args.metrics, args.work_dir)
    print(table(rows))


if __name__ == '__main__':
    run_cli(main)
