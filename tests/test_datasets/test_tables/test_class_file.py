"""The classes file: order of labels, forms of an entry, what is refused."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cite.datasets.tables.class_file import PATCH_GASTRIC_CLASSES, read_class_file

SHARED = Path(__file__).resolve().parents[4] / 'shared' / 'data'


def write(tmp_path, content):
    path = tmp_path / 'classes.yml'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_forms_of_an_entry_and_the_order_of_labels(tmp_path):
    path = write(
        tmp_path,
        """
        # grades, most differentiated first
        Well: Well differentiated
        Moderate:
        Poor: [non-solid type, "Poor, solid type"]
        Benign: ~
        """,
    )
    classes = read_class_file(path)
    assert list(classes) == ['Well', 'Moderate', 'Poor', 'Benign']
    assert list(classes.values()) == [
        ['Well differentiated'],
        ['Moderate'],
        ['non-solid type', 'Poor, solid type'],
        ['Benign'],
    ]


def test_names_are_text_as_written(tmp_path):
    # YAML alone would read False, 1, 2.1 and a date.
    path = write(tmp_path, 'no: [1, 2.10]\n3: 2020-01-01\n')
    assert read_class_file(path) == {'no': ['1', '2.10'], '3': ['2020-01-01']}


@pytest.mark.parametrize(
    ('content', 'line', 'reason'),
    [
        ('A: x\nB: y\nA: z\n', 3, "class 'A' is listed twice"),
        ('A: [x, y]\nB: y\n', 2, "'y' is listed in class 'A' and in class 'B'"),
        ('A: [x, x]\n', 1, "'x' is listed in class 'A' and in class 'A'"),
        ('A: B\nB:\n', 2, "'B' is listed in class 'A' and in class 'B'"),
        ('A: x\nB: []\n', 2, 'neither a subtype nor a list'),
        ('A: x\nB: {y: z}\n', 2, 'neither a subtype nor a list'),
        ('A: x\nB: [[y]]\n', 2, 'not plain text'),
        ('A:\n  - x\n  -\n', 3, 'not plain text'),
        ('A: x\n? [B]\n: y\n', 2, 'not plain text'),
        ('A: x\n~: y\n', 2, 'not plain text'),
        ('A: x\nB: ""\n', 2, 'empty name'),
        ('A: x\n"B\\nC": y\n', 2, 'not one line of text'),
        ('A: x\nB: "y\n', 3, 'not YAML'),
        ('A: x\nB: !!python/object/apply:os.getcwd []\n', 2, 'neither a subtype'),
        ('A: x\nB: !!python/name:os.getcwd y\n', 2, 'not plain text'),
        ('A: x\n---\nB: y\n', 2, 'not YAML'),
        ('A: &a [x]\nB: *a\n', 2, "'x' is listed in class 'A' and in class 'B'"),
        ('A: &a [*a]\n', 1, 'not plain text'),
    ],
)
def test_what_is_refused_is_named_by_its_line(tmp_path, content, line, reason):
    path = write(tmp_path, content)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        read_class_file(path)
    assert str(error.value).startswith(f'{path}:{line}: ')
    assert reason in str(error.value)


@pytest.mark.parametrize('content', ['', '# nothing\n', '- A\n- B\n', 'A\n', '{}\n'])
def test_what_is_no_mapping_is_refused_with_the_form(tmp_path, content):
    with pytest.raises(ValueError, match=r'no classes in this file\. Write one line'):
        read_class_file(write(tmp_path, content))


@pytest.mark.parametrize(
    'content',
    ['A: ' + 1000 * '[', 'A: "\\UFFFFFFFF"', 'A: \1'],
    ids=['depth', 'escape', 'control character'],
)
def test_what_yaml_itself_stumbles_over(tmp_path, content):
    with pytest.raises(ValueError, match='not YAML'):
        read_class_file(write(tmp_path, content))


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='Write one line'):
        read_class_file(tmp_path / 'classes.yml')


def test_default_classes_hold_the_counted_slides_of_the_real_table():
    path = SHARED / 'patchgastric' / 'captions.csv'
    if not path.is_file():
        pytest.skip('the shared table is not beside this checkout')
    with path.open(newline='') as file:
        counts = Counter(row['subtype'] for row in csv.DictReader(file))
    # 693 of 991 slides; 145 = 78 non-solid + 67 solid.
    numbers = [
        sum(counts[s] for s in group) for group in PATCH_GASTRIC_CLASSES.values()
    ]
    assert numbers == [283, 265, 145]


nearly = st.lists(
    st.sampled_from(
        [*'ab:-,?&*!|>%@"\'#~[]{}\\0.', '\n', '\n  ', ' ', '!!', '<<', '---', '\t']
    )
).map(lambda parts: ''.join(parts).encode())


@example(content=b'%YAML ' + 5000 * b'9' + b'.1\n--- a')
@example(content=b'"\\Uffffffff"')
@given(content=nearly | st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_an_answer_or_our_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / 'classes.yml'
    path.write_bytes(content)
    try:
        classes = read_class_file(path)
    except ValueError as error:
        assert str(error).startswith(f'{path}:')  # noqa: PT017
        return
    assert classes
    assert all(classes.values())
