"""The table of slides: what is read, and which line is reported as faulty."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cite.datasets.tables.slide_table import patient_column, read_captions

SHARED = Path(__file__).resolve().parents[4] / 'shared' / 'data'


def write(tmp_path, content):
    path = tmp_path / 'captions.csv'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_everything_is_text_in_the_order_of_the_table(tmp_path):
    path = write(tmp_path, 'subtype,text,id,x\nNA,,007,1\n1.50,"a, b",nan,2\n')
    slides = read_captions(path)
    assert [slide.id for slide in slides] == ['007', 'nan']
    assert [slide.subtype for slide in slides] == ['NA', '1.50']
    assert [slide.group for slide in slides] == ['007', 'nan']


def test_a_group_column_is_read(tmp_path):
    path = write(tmp_path, 'id,patient,subtype,text\na,p1,X,\nb,p1,Y,\n')
    assert [slide.group for slide in read_captions(path, 'patient')] == ['p1', 'p1']
    assert [slide.group for slide in read_captions(path, 'subtype')] == ['X', 'Y']


@pytest.mark.parametrize('name', ['patchgastric', 'glas'])
def test_real_tables_as_pandas_reads_them(name):
    path = SHARED / name / 'captions.csv'
    if not path.is_file():
        pytest.skip('the shared tables are not beside this checkout')
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    slides = read_captions(path)
    assert [slide.id for slide in slides] == table['id'].tolist()
    assert [slide.subtype for slide in slides] == table['subtype'].tolist()


@pytest.mark.parametrize(
    ('rows', 'line', 'reason'),
    [
        ('a,X,t\nb,X,t\na,Y,t\n', 4, "the id 'a' is on line 2"),
        ('a,X,"two\nlines"\n\nb,X,t\nb,Y,t\n', 6, "the id 'b' is on line 5"),
        ('a_b,X,t\n', 2, 'merged'),
        ('a b,X,t\n', 2, 'space'),
        ('a/b,X,t\n', 2, '"/"'),
        ('..,X,t\n', 2, 'leaves'),
        ('a\\b,X,t\n', 2, 'backslash'),
        ('a,X,t\n,X,t\n', 3, 'no id'),
        ('a,X,t\nb,  ,t\n', 3, 'no subtype'),
        ('a,X\n', 2, '2 columns'),
        ('a,X,one, two\n', 2, '4 columns'),
        ('a,X,t\nb,X,"open\nc,X,t\n', 3, 'quote'),
        ('a,X,"closed" early\n', 2, 'quote'),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path, rows, line, reason):
    path = write(tmp_path, 'id,subtype,text\n' + rows)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        read_captions(path)
    assert str(error.value).startswith(f'{path}:{line}: ')
    assert reason in str(error.value)


def test_an_empty_group_is_an_error(tmp_path):
    path = write(tmp_path, 'id,subtype,text,patient\na,X,t,1\nb,X,t,\n')
    with pytest.raises(ValueError, match=r'captions\.csv:3: no patient'):
        read_captions(path, 'patient')


@pytest.mark.parametrize(
    ('header', 'group_by', 'reason'),
    [
        ('id,subtype', None, "'text' is missing; the columns are: 'id', 'subtype'"),
        (
            'id;subtype;text',
            None,
            "'id' is missing; the columns are: 'id;sub",
        ),
        ('ID,subtype,text', None, "'id' is missing; the columns are: 'ID', "),
        ('id,subtype,text,id', None, "'id' is listed twice"),
        ('id,subtype,text', 'patient', "'patient' is missing; the columns are: 'id', "),
        ('', None, "'id' is missing; the columns are: none"),
    ],
)
def test_a_missing_column_says_which_there_are(tmp_path, header, group_by, reason):
    path = write(tmp_path, f'{header}\na,X,t\n' if header else '')
    with pytest.raises(ValueError) as error:  # noqa: PT011
        read_captions(path, group_by)
    assert str(error.value).startswith(f'{path}:1: ')
    assert reason in str(error.value)


def test_no_table_no_rows_no_utf8(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'data/README\.md'):
        read_captions(tmp_path / 'captions.csv')
    with pytest.raises(ValueError, match='without rows'):
        read_captions(write(tmp_path, 'id,subtype,text\n'))
    latin = 'id,subtype,text\na,X,é\n'.encode('latin-1')
    with pytest.raises(ValueError, match=r'captions\.csv:2: not UTF-8'):
        read_captions(write(tmp_path, latin))


def test_byte_order_mark_and_crlf_as_spreadsheets_save_them(tmp_path):
    path = write(tmp_path, b'\xef\xbb\xbfid,subtype,text\r\na,X,t\r\n')
    assert read_captions(path) == [('a', 'X', 'a')]


ROWS = [
    ['id', 'subtype', 'text', 'patient'],
    ['a', 'X', '', 'P1'],
    ['b', 'Y', '', 'P1'],
]


@pytest.mark.parametrize('end', ['\n', '\r\n', '\r', '\n\n', '\r\n \r\n'])
@pytest.mark.parametrize(
    'cell', ['{}', '"{}"', ' {} ', '\xa0{}', '{}\u200b', '" {} "', ' "{}"']
)
@pytest.mark.parametrize('start', ['', '\ufeff', '\n\n'])
def test_however_a_table_is_written_patients_are_found(tmp_path, end, cell, start):
    lines = [','.join(cell.format(value) for value in row) for row in ROWS]
    path = write(tmp_path, start + end.join(lines) + end)
    assert patient_column(path, None) == 'patient'
    assert read_captions(path, 'patient') == [('a', 'X', 'P1'), ('b', 'Y', 'P1')]


@pytest.mark.parametrize('separator', [';', '\t', '|'])
@pytest.mark.parametrize('read', [lambda p: patient_column(p, None), read_captions])
def test_another_separator_is_refused_by_both_readers(tmp_path, separator, read):
    path = write(tmp_path, '\n'.join(separator.join(row) for row in ROWS))
    with pytest.raises(ValueError, match=r':1: the column .id. is missing.*commas'):
        read(path)


@pytest.mark.parametrize('encoding', ['utf-16', 'utf-16-le', 'utf-16-be', 'utf-32'])
@pytest.mark.parametrize('read', [lambda p: patient_column(p, None), read_captions])
def test_another_encoding_is_refused_by_both_readers(tmp_path, encoding, read):
    text = '\n'.join(','.join(row) for row in ROWS)
    path = write(tmp_path, text.encode(encoding))
    with pytest.raises(ValueError, match=r':1: .*UTF-8'):
        read(path)


def test_the_column_of_patients_may_have_capital_letters_but_not_a_double(tmp_path):
    path = write(tmp_path, 'id,subtype,text,Patient\na,X,,P1\n')
    assert patient_column(path, None) == 'Patient'
    path = write(tmp_path, 'id,subtype,text,Patient,PATIENT\na,X,,P1,P2\n')
    with pytest.raises(ValueError, match='more than one column is called so'):
        patient_column(path, None)
    path = write(tmp_path, 'id,subtype,text,patient,patient \na,X,,P1,P2\n')
    with pytest.raises(ValueError, match='more than one column is called so'):
        patient_column(path, None)


@pytest.mark.parametrize(
    ('columns', 'wanted'),
    [
        ('Patient ID', 'Patient ID'),
        ('patient-id', 'patient-id'),
        ('case_id', 'case_id'),
        ('Case', 'Case'),
        ('case_id,PatientID', 'PatientID'),
        ('sex', None),
    ],
)
def test_patients_are_found_under_their_usual_names(tmp_path, columns, wanted):
    path = write(tmp_path, f'id,subtype,text,{columns}\na,X,,P1,P2\n')
    assert patient_column(path, None) == wanted


def test_ids_that_differ_in_blanks_alone_are_one(tmp_path):
    path = write(tmp_path, 'id,subtype,text\na,X,\na ,X,\n')
    with pytest.raises(ValueError, match=r':3: the id .a. is on line 2'):
        read_captions(path)


nearly = st.lists(
    st.sampled_from([b'a', b'b_', b'X', b',', b'"', b'\n', b'\r', b'\0', b'\xff', b' '])
).map(lambda parts: b'id,subtype,text\n' + b''.join(parts))


@example(content=b'id,subtype,text\na,X,' + 200_000 * b'x')  # above csv's field limit
@given(content=nearly | st.binary(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_an_answer_or_our_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / 'captions.csv'
    path.write_bytes(content)
    try:
        assert all(slide.id and slide.subtype for slide in read_captions(path))
    except ValueError as error:
        assert str(error).startswith(f'{path}:')  # noqa: PT017
