"""File names that do not begin with a slide's id are noticed by their numbers."""

import pytest

from cite.datasets.tables.annotations import Annotation
from cite.datasets.tables.slide_counts import odd_slides, warn_of_slides


def lines(*names):
    return [Annotation(name, int(name.startswith('t'))) for name in names]


@pytest.mark.parametrize(
    ('names', 'odd'),
    [
        (('n1_0.png', 'n1_1.png', 'n2_0.png', 't1_0.png', 't1_1.png'), None),
        (('n_001_0.png', 'n_002_0.png', 't_001_0.png', 't_002_0.png'), 'one slide'),
        (('a/n1-0.png', 'a/n1-1.png', 't/t1-0.png'), '3 slides has one patch'),
        (('n1_0.png',), None),
    ],
)
def test_one_slide_a_class_and_one_patch_a_slide(names, odd):
    text = odd_slides(lines(*names))
    assert text is None if odd is None else odd in text


def test_the_warning_says_the_rule():
    names = [f'{c}_{s}_{p}.png' for c in 'nt' for s in '12' for p in '01']
    text = r'ann.txt: each class has one slide .n, t.*would tell 4 apart'
    with pytest.warns(UserWarning, match=text):
        warn_of_slides(lines(*names), 'ann.txt')


def test_ids_that_differ_in_capitals_alone():
    with pytest.warns(UserWarning, match="ann.txt: ids of slides .*'N1' = 'n1'"):
        warn_of_slides(lines('n1_0.png', 'N1_1.png', 't1_0.png', 't1_1.png'), 'ann.txt')
