"""A comparison on features that another program made, without any image; seeded."""

import csv
import pprint
from pathlib import Path

import numpy as np
from tiny_compare import method_configs

from cite.apis.import_features import import_features
from cite.apis.split.split import make_split

CLASSES = {'well': ['w'], 'moderately': ['m'], 'poorly': ['p']}
WIDTH = 16  # of the tiny CLIP's texts


def make_features(folder: Path, slides: int = 6, seed: int = 0) -> str:
    """Write CSVs of tiles, take them over, split them; returns the files' prefix.

    There are ``slides`` of each class, each of a patient of its own.
    """
    rng = np.random.default_rng(seed)
    (folder / 'tiles').mkdir(parents=True)
    captions = [['id', 'subtype', 'text', 'patient']]
    table = [['id', 'label']]
    for number in range(3 * slides):
        slide, label = f'sl{number:02}', number % 3
        bag = rng.normal(size=(4, WIDTH))
        bag[:, label] += 2
        rows = [['x', 'y', *(f'f{i}' for i in range(WIDTH))]]
        rows += [[i * 256, 0, *row.round(6)] for i, row in enumerate(bag)]
        write_csv(folder / 'tiles' / f'{slide}.csv', rows)
        captions.append([slide, 'wmp'[label], 'text', f'p{number}'])
        table.append([slide, [*CLASSES][label]])
    write_csv(folder / 'captions.csv', captions)
    write_csv(folder / 'slides.csv', table)
    prefix = str(folder / 'uni')
    import_features(folder / 'tiles', folder / 'slides.csv', prefix, [*CLASSES])
    make_split(
        folder,
        folder / 'ann',
        val=0.5,
        shots=(1, 2),
        classes=CLASSES,
        draws=2,
        features=[prefix],
    )
    return prefix


def write_csv(path: Path, rows: list) -> None:
    with path.open('w', newline='') as file:
        csv.writer(file).writerows(rows)


def text_config(data: Path, folder: Path) -> str:
    """Write a config whose head is a tiny CLIP's, 16 wide; returns its path."""
    return method_configs(data, folder)['zeroshot']


def write_comparison(path: Path, folder: Path, methods: dict, **changes: object) -> str:
    """Write the config of a comparison on the features in a folder."""
    values = {
        'features': str(folder / 'uni'),
        'ann_root': str(folder / 'ann'),
        'train': 'train_{shots}_0.5{draw}.txt',
        'val': 'val_0.5.txt',
        'captions': str(folder / 'captions.csv'),
        'classes': [*CLASSES],
        'shots': [2],
        'draws': 2,
        'seeds': [0],
        'methods': methods,
        **{'controls': False, 'held_out': False, **changes},
    }
    lines = [f'{k} = {pprint.pformat(v, sort_dicts=False)}' for k, v in values.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')
    return str(path)
