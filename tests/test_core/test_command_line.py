"""Texts of the command line arrive as they were written, or are refused."""

import pytest
from mmcv import DictAction

from cite.core.command_line import refuse_changed

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
