"""When two cells of a table only look alike."""

from cite.datasets.tables.cells import look_alikes


def test_capital_letters_and_numbers_look_alike():
    cells = ['P1', '001', 'p1', 'P2', '1', '1.0', '10', '1.5', 'P1']
    assert look_alikes(cells) == [['P1', 'p1'], ['001', '1', '1.0']]
