"""Splits to and from CLAM's files, read with pandas as CLAM does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cite.apis.split.clam import write_clam_splits
from cite.apis.split.import_clam import import_clam
from cite.apis.split.split import make_split

CLASSES = {'A': ['X'], 'B': ['Y']}


@pytest.fixture
def data(tmp_path):
    """Return six slides of each class, two of a patient, with two patches each."""
    folder = tmp_path / 'data'
    (folder / 'patches_captions').mkdir(parents=True)
    ids = [f's{i:02}' for i in range(12)]
    table = {'id': ids, 'subtype': [*'XY'] * 6, 'text': 't'}
    table['patient'] = [f'p{i // 4}{i % 2}' for i in range(12)]
    pd.DataFrame(table).to_csv(folder / 'captions.csv', index=False)
    for slide in ids:
        for i in range(2):
            (folder / 'patches_captions' / f'{slide}_{i}.jpg').touch()
    return folder


def slides(path):
    lines = path.read_text().splitlines()
    return sorted({line.partition('_')[0] for line in lines})


def write(folder, number=0, **columns):
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({k: pd.Series(v, dtype=str) for k, v in columns.items()}).to_csv(
        folder / f'splits_{number}.csv'
    )
    return folder


def test_draws_go_to_clam_and_come_back(data, tmp_path):
    split = make_split(
        data, val=0.5, shots=(1, 2), draws=3, classes=CLASSES, group_by='patient'
    )
    write_clam_splits(tmp_path / 'clam', split.files)
    folder = split_folder(split)
    for k in (1, 2):
        for d in (1, 2, 3):
            # CLAM: all_splits[key].dropna() of pd.read_csv.
            path = tmp_path / f'clam/{k}shot/splits_{d - 1}.csv'
            table = pd.read_csv(path, dtype=str)
            train = sorted(table.train.dropna())
            assert train == slides(folder / f'train_{k}_0.5_draw{d}.txt')
            assert sorted(table.test.dropna()) == slides(folder / 'val_0.5.txt')
            assert table.val.dropna().empty
    everything = pd.read_csv(tmp_path / 'clam/allshot/splits_0.csv', dtype=str)
    assert sorted(everything.train) == slides(folder / 'train_all_0.5.txt')
    again = import_clam(
        tmp_path / 'clam/2shot', data, tmp_path / 'again', classes=CLASSES
    )
    names = {path.name for path in again.files}
    assert names == {*(f'train_2_draw{d}.txt' for d in (1, 2, 3)), 'val.txt'}
    for d in (1, 2, 3):
        new = tmp_path / f'again/train_2_draw{d}.txt'
        assert new.read_text() == (folder / f'train_2_0.5_draw{d}.txt').read_text()
    assert (tmp_path / 'again/val.txt').read_text() == (
        folder / 'val_0.5.txt'
    ).read_text()


def split_folder(split):
    return next(iter(split.files)).parent


def test_without_draws_the_largest_slides_are_one_split(data, tmp_path):
    split = make_split(data, val=0.5, shots=(1,), classes=CLASSES)
    paths = write_clam_splits(tmp_path / 'clam', split.files)
    names = sorted(str(path.relative_to(tmp_path)) for path in paths)
    assert names == ['clam/1shot/splits_0.csv', 'clam/allshot/splits_0.csv']


def test_folds_get_a_folder_each_and_validation_slides_are_left_out(data, tmp_path):
    folds = tmp_path / 'folds'
    # Patients p00, p01 have s00 s02 and s01 s03; p10, p11 s04 s06 and s05 s07.
    write(folds, 0, train=['s00', 's01', 's03'], val=['s08'], test=['s04', 's05'])
    write(folds, 1, train=['s04', 's05'], val=['s08', 's09'], test=['s00', 's01'])
    (folds / 'splits_0_bool.csv').write_text(',train,val,test\ns00,True,False,False\n')
    split = import_clam(folds, data, tmp_path / 'out', classes=CLASSES)
    found = {str(p.relative_to(tmp_path / 'out')): slides(p) for p in split.files}
    assert found == {
        'split_0/train_all.txt': ['s00', 's01', 's03'],
        'split_0/val.txt': ['s04', 's05'],
        'split_1/train_all.txt': ['s04', 's05'],
        'split_1/val.txt': ['s00', 's01'],
    }
    assert any('3 slides of the column val are left out' in n for n in split.notes)


@pytest.mark.parametrize(
    ('columns', 'message'),
    [
        (
            {'train': ['s00', 's01'], 'val': [], 'test': ['s01', 's04', 's05']},
            r'1 slide listed twice.*s01 is in test in line 2 and train in line 3',
        ),
        (
            {'train': ['s00', 's01'], 'val': [], 'test': ['s02', 's05']},
            r"column 'patient'.*tested on:\n.*splits_0.csv: 1 patient: p00",
        ),
        (
            {'train': ['s00', 's01'], 'val': ['s04'], 'test': ['s05', 's06']},
            r'1 patient: p10',
        ),
        ({'train': ['s00', 's99'], 'val': [], 'test': ['s05']}, r'not in .*: s99'),
        ({'train': ['s00'], 'val': [], 'test': ['s05']}, 'no training slide of B'),
        ({'train': [], 'val': [], 'test': ['s05']}, 'no slide in the column train'),
        ({'train': ['s00'], 'test': ['s05']}, r':1: the columns val are missing'),
    ],
)
def test_leaks_and_faults_are_named_and_nothing_is_written(
    data, tmp_path, columns, message
):
    folder = write(tmp_path / 'folds', **columns)
    with pytest.raises(ValueError, match=rf'(?s){message}'):
        import_clam(folder, data, tmp_path / 'out', classes=CLASSES)
    assert not (tmp_path / 'out').exists()


def test_a_folder_without_splits_says_what_it_should_be(data, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no splits_0\.csv'):
        import_clam(tmp_path, data, classes=CLASSES)


def test_rows_of_features_take_the_patches_place(data, tmp_path):
    """Slides as CLAM names them, with what `cite tile` replaces in ids."""
    text = (data / 'captions.csv').read_text().replace('s00', 's-00')
    (data / 'captions.csv').write_text(text)
    names = [f's{i:02}' for i in range(12)]
    rows = [f'{n.replace("s00", "s-00")}_{x}_0 0' for n in names for x in (0, 256)]
    (tmp_path / 'uni.txt').write_text('\n'.join(rows) + '\n')
    np.save(tmp_path / 'uni_1.npy', np.zeros((24, 3), np.float32))
    folder = write(tmp_path / 'f', train=['s_00', 's01'], val=[], test=['s04', 's05'])
    prefix = [str(tmp_path / 'uni')]
    split = import_clam(folder, data, tmp_path / 'o', CLASSES, features=prefix)
    train = tmp_path / 'o/train_1_draw1.txt'
    assert train in split.files
    assert train.read_text() == 's-00_0_0 0\ns-00_256_0 0\ns01_0_0 1\ns01_256_0 1\n'
    drawn = make_split(
        data, tmp_path / 'd', val=0.5, shots=(1,), classes=CLASSES, features=prefix
    )
    patches = [line.filename for lines in drawn.files.values() for line in lines]
    assert {*patches} == {row.rpartition(' ')[0] for row in rows}
    assert Path(tmp_path / 'd/val_0.5.txt').is_file()
