"""Tables with named columns: what is read, and the line of what is wrong."""

import os
import time

import pytest

from cite.core.files.csv_table import (
    find_column,
    look_alikes,
    plain_cell,
    read_csv_table,
)


def test_cells_are_text_without_blanks_at_their_edges(tmp_path):
    path = tmp_path / 't.csv'
    path.write_bytes(b'\xef\xbb\xbf id ,"mpp"\r\n007, 0.25\r\n\r\n"a,b"\r\n')
    table = read_csv_table(path)
    assert table.columns == ['id', 'mpp']
    assert table.rows == [
        (2, {'id': '007', 'mpp': '0.25'}),
        (4, {'id': 'a,b', 'mpp': ''}),
    ]


def test_cells_are_those_of_every_table(tmp_path):
    path = tmp_path / 't.csv'
    path.write_text('id,\u200blabel\nA\u200b,Benign\xa0glands\nB,Cafe\u0301\n')
    rows = [row for _, row in read_csv_table(path).rows]
    assert rows == [
        {'id': 'A', 'label': 'Benign glands'},
        {'id': 'B', 'label': 'Caf\xe9'},
    ]


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('a,b\n1,2\n3,"4\n5,6\n', 3),  # a quote that swallows the rows after it
        ('a,b\n1,"2"3\n', 2),
        ('a,a\n1,2\n', 1),
        ('a,b\n1,2,3\n', 2),
        ('a,b\n"' + 'x' * 200_000 + '"\n', 2),
    ],
)
def test_the_line_of_a_fault_is_named(tmp_path, text, line):
    path = tmp_path / 't.csv'
    path.write_text(text)
    with pytest.raises(ValueError, match=rf't\.csv:{line}: '):
        read_csv_table(path)


def test_semicolons_of_a_spreadsheet_are_named(tmp_path):
    path = tmp_path / 't.csv'
    path.write_text('slide;mpp\na.svs;0,25\n')
    with pytest.raises(ValueError, match=r"t\.csv:1: 'slide;mpp' is one .* by commas"):
        read_csv_table(path)


def test_many_columns_are_read_soon(tmp_path):
    path = tmp_path / 't.csv'
    path.write_text(','.join(map(str, range(300_000))) + '\n')
    start = time.process_time()
    assert len(read_csv_table(path).columns) == 300_000
    assert time.process_time() - start < 10


def test_arrays_do_not_wait_for_a_pipe(tmp_path):
    from cite.core.files.numpy_files import MappedArray, read_npy, read_npz

    os.mkfifo(tmp_path / 'a.npy')
    for read in (MappedArray, read_npy, read_npz):
        with pytest.raises(FileNotFoundError, match=r'a\.npy: no such file'):
            read(tmp_path / 'a.npy')


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


@pytest.mark.parametrize(
    'text',
    [
        'id,label\ns1,"tumor\ns2,normal\ns3,tumor"\ns4,normal\n',
        'id,label\r\n"s1,tumor\r\ns2,normal"\r\n',
        'id,label,patient\n"s1,tumor,p1\ns2",normal,p2\n',
        'id,label,patient\rs1,tumor,"p1\rs2,tumor,p2\rs3,normal,p3"\r',
    ],
)
def test_a_quote_that_closes_rows_later_is_refused(tmp_path, text):
    """The rows between would be one cell, and their slides would be missing."""
    (tmp_path / 'a.csv').write_bytes(text.encode())
    with pytest.raises(ValueError, match=r'a\.csv:2: a quote .*look like rows'):
        read_csv_table(tmp_path / 'a.csv')


@pytest.mark.parametrize(
    'cell',
    [
        'round glands,\nregular lumina',
        'one\n\ntwo, three, four\nfive',
        'Sheets of cells, no glands\nand, rarely, mucin',
    ],
)
def test_a_text_of_several_lines_is_one_cell(tmp_path, cell):
    (tmp_path / 'a.csv').write_text(f'id,text\ns1,"{cell}"\ns2,b\n')
    rows = [row for _, row in read_csv_table(tmp_path / 'a.csv').rows]
    assert rows == [{'id': 's1', 'text': plain_cell(cell)}, {'id': 's2', 'text': 'b'}]


@pytest.mark.parametrize(
    'spelling', ['patient_id', 'Patient ID', 'PATIENT-ID', 'patient.id', 'PatientID']
)
def test_a_column_is_found_in_every_spelling(spelling):
    columns = ['slide', spelling, 'patient of the study']
    assert find_column(columns, ('patient', 'patient_id'), 'a.csv') == spelling
    assert find_column(['Patient', spelling], ('patient',), 'a.csv') == 'Patient'
    assert find_column(['slide'], ('patient',), 'a.csv') is None
    with pytest.raises(ValueError, match=r'a\.csv: more than one column is called so'):
        find_column([spelling, 'patient  id'], ('patient_id',), 'a.csv')
