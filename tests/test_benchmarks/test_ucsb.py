"""A table of bags becomes features, their lines and two halves."""

import numpy as np
import pytest

from benchmarks.ucsb import convert
from cite.datasets.tables.annotations import read_annotations
from cite.datasets.tables.slide_rule import PREFIX


def test_bags_become_slides(tmp_path):
    # Label, bag, two features; the third feature is constant.
    table = ['1,2,0,5,1', '0,1,2,5,1', '0,1,4,5,1', '0,3,2,5,1', '1,4,2,5,1']
    (tmp_path / 'bags.csv').write_text('\n'.join(table))
    convert(tmp_path / 'bags.csv', tmp_path / 'out')
    values = np.load(tmp_path / 'out/features_1.npy')
    lines = read_annotations(str(tmp_path / 'out/features.txt'), 2)
    assert [(PREFIX(name), label) for name, label in lines] == [
        ('ucsb001', 0),
        ('ucsb001', 0),
        ('ucsb002', 1),
        ('ucsb003', 0),
        ('ucsb004', 1),
    ]
    # 2, 4, 0, 2, 2 have the mean 2, deviation sqrt(8 / 5).
    expected = np.array([0, 2, -2, 0, 0]) / np.sqrt(8 / 5)
    np.testing.assert_allclose(values[:, 0], expected, rtol=1e-6)
    assert (values[:, 1:] == 0).all()
    sides = [
        {PREFIX(name) for name, _ in read_annotations(str(path), 2)}
        for path in sorted((tmp_path / 'out/ann').iterdir())
    ]
    assert sides == [{'ucsb001', 'ucsb002'}, {'ucsb003', 'ucsb004'}]


@pytest.mark.parametrize('text', ['1,2\n', '1,2,nan\n', '7,1,0\n'])
def test_another_table_is_refused(tmp_path, text):
    (tmp_path / 'bags.csv').write_text(text)
    with pytest.raises(ValueError, match=r'bags\.csv'):
        convert(tmp_path / 'bags.csv', tmp_path / 'out')


def test_a_missing_table_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match='make ucsb'):
        convert(tmp_path / 'bags.csv', tmp_path)
