"""Texts of the command line arrive as they were written, or are refused."""

import pytest
from mmcv import DictAction

from cite.core.command_line import (
    cfg_options,
    refuse_changed,
    refuse_changed_options,
)

CHANGED = [
    "['Benign glands','Poorly differentiated']",
    '["Benign glands", "Malignant"]',
    '[Benign glands,Malignant]',
    "['well, tubular','poor']",
    "[['a b','c'],['d']]",
    'Benign glands,Malignant',
    "['it is \\'poor\\'','well']",
]
KEPT = [
    "['Benign','Malignant']",
    "['Benign', 'Malignant']",
    '[benign,malignant]',
    'benign,malignant',
    "('a','b')",
    'data/texts.yml',
    '[1,2,3]',
]


@pytest.mark.parametrize('written', CHANGED)
def test_what_would_change_is_refused(written):
    arrived = DictAction._parse_iterable(written)
    arguments = ['train', 'c.py', '--cfg-options', f'model.head.texts={written}']
    with pytest.raises(ValueError, match=r'--cfg-options model\.head\.texts'):
        refuse_changed('texts', arrived, arguments)
    refuse_changed('texts', ['from the', 'config'], arguments)


@pytest.mark.parametrize('written', KEPT)
def test_what_arrives_is_taken(written):
    arrived = DictAction._parse_iterable(written)
    refuse_changed('texts', arrived, [f'model.head.texts={written}'])


def test_one_text_of_the_list_and_other_keys():
    options = ['model.head.texts.1=Poorly differentiated']
    with pytest.raises(ValueError, match=r'texts\.1'):
        refuse_changed('texts', ['a', 'Poorlydifferentiated'], options)
    refuse_changed('texts', ['ab', 'c'], ['data.test.other=a b', '--texts', 'a b'])


@pytest.mark.parametrize('written', ['data/my slides/ann.txt', '[{"type":"EMAHook"}]'])
@pytest.mark.parametrize('name', ['--cfg-options', '--cfg'])
def test_any_option_that_would_change_is_refused(name, written):
    arguments = ['c.py', '--seed', '0', name, 'seed=1', f'load_from={written}', '--x']
    with pytest.raises(ValueError, match=r'--cfg-options load_from: .* arrives as'):
        refuse_changed_options(arguments)
    refuse_changed_options(['c.py', '--work-dir', f'load_from={written}'])


@pytest.mark.parametrize(
    'written', [*KEPT, 'true', 'None', '(0.9, 0.99)', '[("a", 1)]']
)
def test_options_that_arrive_are_taken(written):
    refuse_changed_options(['c.py', f'--cfg-options=a.b={written}', 'c=1'])


def test_options_that_a_second_list_would_drop_are_named():
    arguments = ['c.py', '--cfg-options', 'a=1', 'b.c=2', '--cfg-options', 'd=3']
    assert cfg_options(arguments) == {'a': '1', 'b.c': '2', 'd': '3'}
    with pytest.raises(ValueError, match=r'2 times, .*; a b\.c would be dropped'):
        refuse_changed_options(arguments)
