"""From a table and a folder to annotation files, whole or not at all."""

import hashlib
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import pandas as pd
import pytest

from cite.apis.split.split import make_split
from cite.apis.split.split_notes import table_of_files

SHARED = Path(__file__).resolve().parents[4] / 'shared' / 'data'
GRADES = [  # subtypes of the released split, class by class
    ['Well differentiated tubular adenocarcinoma'],
    ['Moderately differentiated tubular adenocarcinoma'],
    [
        'Poorly differentiated adenocarcinoma, non-solid type',
        'Poorly differentiated adenocarcinoma, solid type',
    ],
]
# sha256 of the 554 sorted evaluation ids, each with a newline, that the released
# program draws from the corrected table.
RELEASED_VAL = '6f883c14a6a4dcbdaf473301f7c9b9275cb63378f72a95d6c012bd9002937ed0'
CLASSES = {'A': ['X', 'X2'], 'B': ['Y']}
needs_table = pytest.mark.skipif(
    not (SHARED / 'patchgastric' / 'captions.csv').is_file(),
    reason='the shared tables are not beside this checkout',
)


def make_data(folder, slides, **columns):
    """Write a data set: slide id -> (subtype, number of patches)."""
    patches = folder / 'patches_captions'
    patches.mkdir(parents=True)
    table = pd.DataFrame(
        {'id': list(slides), 'subtype': [s for s, _ in slides.values()], 'text': 'a, b'}
    )
    table.assign(**columns).to_csv(folder / 'captions.csv', index=False)
    for slide, (_, number) in slides.items():
        for i in range(number):
            (patches / f'{slide}_{i:05x}.jpg').touch()
    return folder


@pytest.fixture
def data(tmp_path):
    """Return ten slides of class A and five of class B, with 1 to 15 patches."""
    subtypes = ['X', 'X2', 'Y']
    slides = {f's{i:02}': (subtypes[i % 3], i + 1) for i in range(15)}
    return make_data(tmp_path / 'data', slides)


def read(path):
    text = path.read_text()
    assert text.endswith('\n')
    return [line.split(' ') for line in text.splitlines()]


def slides_of(path):
    return {name.split('_')[0]: int(label) for name, label in read(path)}


def copy_table(tmp_path, number_of_patches):
    """Lay made-up patches beside the real table; return it with their numbers."""
    table = pd.read_csv(SHARED / 'patchgastric' / 'captions.csv', dtype=str)
    table['n'] = [number_of_patches(slide) for slide in table['id']]
    (tmp_path / 'patches_captions').mkdir()
    original = (SHARED / 'patchgastric' / 'captions.csv').read_bytes()
    (tmp_path / 'captions.csv').write_bytes(original)
    for slide, number in zip(table['id'], table['n']):
        for i in range(number):
            (tmp_path / 'patches_captions' / f'{slide}_{i:06x}.jpg').touch()
    return table


def check_released_split(folder, table):
    """Compare files with the released drawing, stated independently."""
    random.seed(0)
    val, largest = {}, defaultdict(dict)
    for label, subtypes in enumerate(GRADES):
        ids = table['id'][table['subtype'].isin(subtypes)].tolist()
        drawn = random.sample(ids, int(len(ids) * 0.8))
        val.update(dict.fromkeys(drawn, label))
        rest = table[table['id'].isin(set(ids) - set(drawn))]
        rest = rest.sort_values(['n', 'id'], ascending=[False, True])
        for k in (1, 2, 4, 8, 16, 'all'):
            chosen = rest['id'] if k == 'all' else rest['id'].head(k)
            largest[k].update(dict.fromkeys(chosen, label))
    assert slides_of(folder / 'val_0.8.txt') == val
    for k, expected in largest.items():
        assert slides_of(folder / f'train_{k}_0.2.txt') == expected
    assert Counter(val.values()) == {0: 226, 1: 212, 2: 116}
    assert Counter(largest['all'].values()) == {0: 57, 1: 53, 2: 29}
    lines = ''.join(f'{slide}\n' for slide in sorted(val)).encode()
    assert hashlib.sha256(lines).hexdigest() == RELEASED_VAL
    # Every patch of a slide comes along.
    patches = Counter(name.split('_')[0] for name, _ in read(folder / 'val_0.8.txt'))
    assert patches == dict(table.set_index('id')['n'][list(val)])


@needs_table
def test_the_real_table_gives_the_released_slides(tmp_path):
    # One to four patches per slide, so that the largest slides are often ties.
    table = copy_table(tmp_path, lambda slide: 1 + int(slide[:4], 16) % 4)
    split = make_split(tmp_path)
    check_released_split(tmp_path / 'gastric_cls3_ann', table)
    note, warning = split.notes
    assert note.startswith('298 slides are in no class: ')
    assert 'Papillary adenocarcinoma (135)' in note
    # This one begins with the name of a class, and belongs to none.
    assert 'solid type. Moderately differentiated tubular adenocarcinoma. (1)' in note
    in_classes = table['subtype'].isin([name for names in GRADES for name in names])
    patches = f'{table["n"][in_classes].sum():,} patches'
    assert warning.startswith(f'warning: {tmp_path}/patches_captions: {patches}')
    assert '179,285 were published' in warning
    own_classes = {'Gastric': [name for names in GRADES for name in names]}
    notes = make_split(tmp_path, tmp_path / 'own', classes=own_classes).notes
    assert notes == [note]  # own classes have no published counts


@needs_table
def test_a_cut_table_of_patch_gastric_is_a_warning(tmp_path):
    copy_table(tmp_path, lambda slide: 2)
    table = tmp_path / 'captions.csv'
    table.write_text(''.join(table.read_text().splitlines(True)[:701]))
    warnings = [n for n in make_split(tmp_path).notes if n.startswith('warning')]
    assert warnings[0].startswith(f'warning: {table}: ')
    assert '693 (283/265/145) were published' in warnings[0]
    assert len(warnings) == 1


@pytest.mark.long
@needs_table
def test_the_whole_data_set_takes_seconds(tmp_path):
    total, grades = 179_285, [grade for group in GRADES for grade in group]
    table = pd.read_csv(SHARED / 'patchgastric' / 'captions.csv', dtype=str)
    used = table['id'][table['subtype'].isin(grades)].tolist()
    numbers = dict.fromkeys(used, total // 693)
    for slide in used[: total % 693]:
        numbers[slide] += 1
    table = copy_table(tmp_path, lambda slide: numbers.get(slide, 0))
    start = time.process_time()
    split = make_split(tmp_path)
    assert time.process_time() - start < 20
    check_released_split(tmp_path / 'gastric_cls3_ann', table)
    sizes = [len(entries) for entries in split.files.values()]
    assert sizes[0] + sizes[1] == total
    assert not any(note.startswith('warning') for note in split.notes)


def test_files_hold_whole_slides_in_sorted_lines(data):
    split = make_split(data, val=0.6, shots=[2], classes=CLASSES)
    folder = data / 'gastric_cls3_ann'
    names = ['train_2_0.4.txt', 'train_all_0.4.txt', 'val_0.6.txt']
    assert sorted(path.name for path in folder.iterdir()) == names
    val, train = slides_of(folder / 'val_0.6.txt'), slides_of(folder / names[1])
    assert not set(val) & set(train)
    assert Counter(val.values()) == {0: 6, 1: 3}
    assert Counter(train.values()) == {0: 4, 1: 2}
    for path in split.files:
        lines = path.read_text().splitlines()
        assert lines == sorted(lines)
        assert [list(map(str, entry)) for entry in split.files[path]] == read(path)
    # Slide i has i + 1 patches: the largest are the last ones.
    for label in (0, 1):
        of_class = sorted(slide for slide in train if train[slide] == label)
        few = slides_of(folder / names[0])
        assert sorted(s for s in few if few[s] == label) == of_class[-2:]


def test_of_slides_with_equally_many_patches_the_first_ids_are_taken(tmp_path):
    slides = {f's{i}': ('XY'[i % 2], 2) for i in reversed(range(10))}
    data = make_data(tmp_path, slides)
    make_split(data, val=0.2, shots=[1], classes={'X': ['X'], 'Y': ['Y']})
    train = slides_of(data / 'gastric_cls3_ann' / 'train_all_0.8.txt')
    first = {min(s for s in train if train[s] == label): label for label in (0, 1)}
    assert slides_of(data / 'gastric_cls3_ann' / 'train_1_0.8.txt') == first


def test_a_second_run_and_another_seed(data, tmp_path):
    outs = [tmp_path / name for name in ('one', 'two', 'other')]
    for out, seed in zip(outs, (0, 0, 1)):
        make_split(data, out, val=0.5, seed=seed, shots=[1], classes=CLASSES)
    one, two, other = ((out / 'val_0.5.txt').read_bytes() for out in outs)
    assert one == two != other
    assert not (data / 'gastric_cls3_ann').exists()


def test_notes_say_what_was_left_out_and_what_ran_short(data):
    patches = data / 'patches_captions'
    for name in ('t_1.jpg', 't_2.jpg', 'Thumbs.db'):
        (patches / name).touch()
    with (data / 'captions.csv').open('a') as table:
        table.write('u1,Z,t\nu2,Z,t\n')
    out = data / 'gastric_cls3_ann'
    out.mkdir()
    (out / 'train_9_0.2.txt').write_text('old\n')
    notes = '\n'.join(make_split(data, shots=[1, 2], classes=CLASSES).notes)
    assert '2 slides are in no class: Z (2)' in notes
    assert '2 patches belong to no slide of the table and are left out: t' in notes
    assert '1 entries of patches_captions are not images and are ignored: Th' in notes
    # Four of B's five slides are for evaluation.
    assert '--shots 2: class 1 (B) has only 1 training slides' in notes
    assert 'class 0' not in notes
    assert 'train_9_0.2.txt' in notes
    assert (out / 'train_9_0.2.txt').read_text() == 'old\n'


def test_slides_without_patches_are_an_error_or_left_out_on_the_same_sides(data):
    full = make_split(data, val=0.5, shots=[], classes=CLASSES)
    before = [{name for name, _ in entries} for entries in full.files.values()]
    for path in (data / 'patches_captions').glob('s0[47]_*'):
        path.unlink()
    with pytest.raises(
        ValueError, match=r'2 slides .* no patch here: s04, s07\. Correct'
    ):
        make_split(data, data / 'new', val=0.5, classes=CLASSES)
    assert not (data / 'new').exists()
    options = {'val': 0.5, 'shots': [], 'classes': CLASSES, 'allow_missing': True}
    split = make_split(data, data / 'new', **options)
    assert '2 slides have no patch and are left out: s04, s07' in split.notes
    gone = ('s04_', 's07_')
    after = [{name for name, _ in entries} for entries in split.files.values()]
    assert after == [{n for n in names if not n.startswith(gone)} for names in before]


def test_patients_stay_whole_on_real_slides(tmp_path):
    if not (SHARED / 'glas').is_dir():
        pytest.skip('the shared slides are not beside this checkout')
    classes = {
        'Benign': ['Benign glands'],
        'Moderate': ['Moderately differentiated adenocarcinoma'],
        'Poor': ['Poorly differentiated adenocarcinoma'],
    }
    table = pd.read_csv(SHARED / 'glas' / 'captions.csv', dtype=str).set_index('id')
    draws = set()
    for seed in range(5):
        out = tmp_path / str(seed)
        split = make_split(SHARED / 'glas', out, 0.5, seed, [1], classes, 'patient')
        val, train = (
            slides_of(out / 'val_0.5.txt'),
            slides_of(out / 'train_all_0.5.txt'),
        )
        assert sorted([*val, *train]) == sorted(table.index)
        assert not set(table['patient'][list(val)]) & set(table['patient'][list(train)])
        # 37 is odd; 24 and 24 can be halved: nothing is nearer than this.
        numbers = Counter(val.values())
        assert numbers[0] in (18, 19)
        assert (numbers[1], numbers[2]) == (12, 12)
        assert (
            'class 1: 12 of 24 slides for evaluation, 0.500 (requested: 0.5)'
            in split.notes
        )
        draws.add(tuple(sorted(val)))
    assert len(draws) > 1  # a seed is a draw of its own


def test_table_counts_slides_and_patches(tmp_path):
    data = make_data(tmp_path, {f's{i}': ('XY'[i // 4], i + 1) for i in range(8)})
    split = make_split(data, val=0.5, shots=[1], classes={'x x': ['X'], 'y': ['Y']})
    rows = table_of_files(split.classes, split.files).splitlines()
    assert rows[:2] == ['class 0: x x', 'class 1: y']
    sizes = {0: 0, 1: 0}
    for row, name in zip(rows[3:], ('val_0.5', 'train_all_0.5', 'train_1_0.5')):
        file, *cells = row.split('  ')
        cells = [cell.strip() for cell in cells if cell.strip()]
        assert file.strip() == f'{name}.txt'
        entries = read(data / 'gastric_cls3_ann' / f'{name}.txt')
        patches = Counter(int(label) for _, label in entries)
        slides = 1 if name == 'train_1_0.5' else 2
        assert cells == [
            f'{slides} / {patches[0]}',
            f'{slides} / {patches[1]}',
            f'{2 * slides} / {len(entries)}',
        ]
        if name != 'train_1_0.5':
            sizes = {label: sizes[label] + patches[label] for label in sizes}
    assert sizes == {0: 1 + 2 + 3 + 4, 1: 5 + 6 + 7 + 8}


def add_rows(data, rows):
    with (data / 'captions.csv').open('a') as table:
        table.write(rows)


def change_prefixes(data):
    for path in (data / 'patches_captions').iterdir():
        path.rename(path.with_name('w' + path.name))


@pytest.mark.parametrize(
    ('spoil', 'options', 'message'),
    [
        (None, {'val': 0}, r'--val 0\.0: .* between 0 and 1'),
        (None, {'val': 1}, 'between 0 and 1'),
        (None, {'val': float('nan')}, 'between 0 and 1'),
        (None, {'shots': [1, 0]}, '--shots 0: .* at least 1'),
        (None, {'out': 'captions.csv'}, r'--out .*captions\.csv: this is a file'),
        (None, {'group_by': 'patient'}, r"captions\.csv:1: the column 'patient'"),
        (None, {'classes': {'A': ['X'], 'C': ['Z']}}, "class 'C', .*'X', 'X2', 'Y'"),
        (None, {'classes': None}, 'no slide is of class .*--classes'),
        (None, {'val': 0.05}, r'class 0 \(A\) has 10 slides.* none .* for evaluation'),
        (None, {'val': 0.15}, r'class 1 \(B\) has 5 slides .* none .* for evaluation'),
        (
            lambda data: add_rows(data, 's03,Y,again\n'),
            {},
            r"captions\.csv:17: the id 's03' is on line 5",
        ),
        (lambda data: add_rows(data, 's_1,Y,t\n'), {}, r'captions\.csv:17: .*merged'),
        (lambda data: (data / 'captions.csv').unlink(), {}, 'no such table'),
        (change_prefixes, {}, r'none of the 15 ids .* its slide.s id, then "_"'),
        (
            lambda data: (data / 'patches_captions' / 's 1_1.jpg').touch(),
            {},
            r's 1_1\.jpg: the name of this patch contains a space',
        ),
        (
            lambda data: (data / 'patches_captions').rename(data / 'patches'),
            {},
            'Unzip patches_captions',
        ),
        (lambda data: add_rows(data, 'v1,Y,t\n'), {}, '1 slides .* no patch here: v1'),
        (
            lambda data: (data / 'gastric_cls3_ann' / 'train_1_0.2.txt').mkdir(),
            {},
            'this is a folder, but a file is to be written',
        ),
    ],
)
def test_nothing_is_overwritten_when_anything_is_wrong(data, spoil, options, message):
    out = data / 'gastric_cls3_ann'
    out.mkdir()
    (out / 'val_0.8.txt').write_text('before\n')
    if spoil:
        spoil(data)
    entries = sorted(out.iterdir())
    options = {'classes': CLASSES, 'shots': [1], **options}
    if 'out' in options:
        options['out'] = data / options['out']
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        make_split(data, **options)
    assert sorted(out.iterdir()) == entries
    assert (out / 'val_0.8.txt').read_text() == 'before\n'
