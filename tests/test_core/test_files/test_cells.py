"""When two cells of a table are the same, and when they only look alike."""

import pytest

from cite.core.files.csv_table import look_alikes, plain_cell


@pytest.mark.parametrize(
    'cell',
    [
        'P 1',
        ' P 1',
        'P 1 ',
        'P\xa01',
        '\tP  1',
        'P 1\r',
        '\ufeffP 1',
        'P 1\u200b',
        'P\u200f\xad 1',
    ],
)
def test_blanks_that_cannot_be_seen_make_no_other_cell(cell):
    assert plain_cell(cell) == 'P 1'


def test_an_accent_is_written_in_one_way():
    assert plain_cell('Be\u0301nin') == plain_cell('B\xe9nin') == 'B\xe9nin'


def test_what_can_be_seen_stays():
    for cell in ('', '007', 'NA', '1.50', 'P1', 'p1', 'a,b', '"a"'):
        assert plain_cell(cell) == cell


def test_capital_letters_and_numbers_look_alike():
    cells = ['P1', '001', 'p1', 'P2', '1', '1.0', '10', '1.5', 'P1']
    assert look_alikes(cells) == [['P1', 'p1'], ['001', '1', '1.0']]
