"""Random choices of the few training slides: ``--draws``."""

import pytest

from cite.apis.split.split import make_split
from tests.test_apis.test_split.test_split import make_data, read, slides_of

CLASSES = {'A': ['X'], 'B': ['Y']}


@pytest.fixture
def data(tmp_path):
    slides = {f's{i:02}': ('XY'[i % 2], 2 + i % 3) for i in range(24)}
    return make_data(
        tmp_path / 'data', slides, patient=[f'p{i // 4}' for i in range(24)]
    )


def split(data, **kwargs):
    options = {'val': 0.5, 'shots': (1, 2, 4), 'classes': CLASSES, 'draws': 3}
    return make_split(data, **{**options, **kwargs})


def chosen(data, k, draw):
    path = data / 'gastric_cls3_ann' / f'train_{k}_0.5_draw{draw}.txt'
    return set(slides_of(path))


def test_each_draw_has_k_whole_training_slides_of_each_class(data):
    split(data)
    training = slides_of(data / 'gastric_cls3_ann' / 'train_all_0.5.txt')
    lines = read(data / 'gastric_cls3_ann' / 'train_all_0.5.txt')
    for k in (1, 2, 4):
        for draw in (1, 2, 3):
            slides = chosen(data, k, draw)
            labels = sorted(training[slide] for slide in slides)
            assert labels == [0] * k + [1] * k
            path = data / 'gastric_cls3_ann' / f'train_{k}_0.5_draw{draw}.txt'
            assert read(path) == [x for x in lines if x[0].split('_')[0] in slides]


def test_fewer_slides_are_among_more(data):
    split(data)
    for draw in (1, 2, 3):
        assert chosen(data, 1, draw) < chosen(data, 2, draw) < chosen(data, 4, draw)


def test_draws_differ_and_come_again(data, tmp_path):
    split(data)
    first = [chosen(data, 2, draw) for draw in (1, 2, 3)]
    assert first[0] != first[1] != first[2] != first[0]
    # More draws leave the first ones unchanged; the table's order does not matter.
    table = (data / 'captions.csv').read_text().splitlines()
    split(data, draws=5, shots=(2, 3))
    assert [chosen(data, 2, draw) for draw in (1, 2, 3)] == first
    val = (data / 'gastric_cls3_ann' / 'val_0.5.txt').read_bytes()
    again = make_data(
        tmp_path / 'again',
        {f's{i:02}': ('XY'[i % 2], 2 + i % 3) for i in range(24)},
        patient=[f'p{i // 4}' for i in range(24)],
    )
    (again / 'captions.csv').write_text('\n'.join(table) + '\n')
    split(again)
    assert (again / 'gastric_cls3_ann' / 'val_0.5.txt').read_bytes() == val
    assert [chosen(again, 2, draw) for draw in (1, 2, 3)] == first


def test_the_files_without_draw_stay_as_they_were(data):
    folder = data / 'gastric_cls3_ann'
    split(data, draws=0)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    split(data)
    for name, content in before.items():
        assert (folder / name).read_bytes() == content


def test_patients_stay_on_one_side(data):
    split(data, group_by='patient')
    number = {f's{i:02}': i // 4 for i in range(24)}
    val = slides_of(data / 'gastric_cls3_ann' / 'val_0.5.txt')
    patients = {number[slide] for slide in val}
    for draw in (1, 2, 3):
        assert not patients & {number[slide] for slide in chosen(data, 4, draw)}


def test_files_of_an_earlier_run_are_named(data):
    split(data)
    notes = split(data, draws=1).notes
    assert any('train_4_0.5_draw3.txt' in note for note in notes)


def test_a_number_below_zero_is_an_error(data):
    with pytest.raises(ValueError, match='--draws -1: give a number'):
        split(data, draws=-1)
