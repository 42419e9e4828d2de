"""The lines of an annotation file: what is read, refused and written."""

import os
import resource

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cite.datasets.tables.annotations import (
    Annotation,
    check_slide_labels,
    read_annotations,
    write_annotations,
)


def write(tmp_path, content):
    path = tmp_path / 'train.txt'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    'content',
    [
        'a_1.jpg 0\nb_1.jpg 2\n',
        'a_1.jpg 0\nb_1.jpg 2',  # the released train_k files lack the last newline
        'a_1.jpg 0\r\nb_1.jpg 2\r\n',
        'a_1.jpg 0\rb_1.jpg 2\r',
        'a_1.jpg 0\nb_1.jpg 2\n\n \r\n\n',
        b'\xef\xbb\xbfa_1.jpg 0\nb_1.jpg 2\n',
    ],
    ids=['whole', 'no last newline', 'crlf', 'cr', 'blank end', 'byte order mark'],
)
def test_accepted_forms_give_the_same_entries(tmp_path, content):
    path = write(tmp_path, content)
    assert read_annotations(path, 3) == [('a_1.jpg', 0), ('b_1.jpg', 2)]


def test_order_and_repeated_lines_are_kept(tmp_path):
    path = write(tmp_path, 'b_1.jpg 1\na_1.jpg 0\nb_1.jpg 1\n')
    names = [entry.filename for entry in read_annotations(path, 2)]
    assert names == ['b_1.jpg', 'a_1.jpg', 'b_1.jpg']


def test_names_outside_ascii_and_in_folders_are_read(tmp_path):
    # U+2028 ends a line for str.splitlines; here it makes the name bad, not two lines.
    path = write(tmp_path, 'sub/癌-01_1.jpg 1\n')
    assert read_annotations(path, 2) == [('sub/癌-01_1.jpg', 1)]
    with pytest.raises(ValueError, match=r'train\.txt:1: .*contains a space'):
        read_annotations(write(tmp_path, 'a\u2028_1.jpg 1\n'), 2)


@pytest.mark.parametrize(
    ('line', 'reason'),
    [
        ('b_1.jpg', 'no label'),
        ('b_1.jpg\t1', 'no label'),
        ('b_1.jpg one', 'whole number'),
        ('b_1.jpg 1.0', 'whole number'),
        ('b_1.jpg 1_0', 'whole number'),
        ('b_1.jpg \u0661', 'whole number'),  # a digit, though not an ASCII one
        ('b_1.jpg ', 'whole number'),
        ('b_1.jpg 3', '3 classes have labels 0 to 2'),
        ('b_1.jpg -1', '3 classes have labels 0 to 2'),
        ('b_1.jpg ' + 5000 * '9', 'out of range'),
        ('b 1.jpg 1', 'space'),
        ('b_1.jpg  1', 'space'),
        (' 1', 'not name a file'),
        ('sub/ 1', 'not name a file'),
        ('/etc/b_1.jpg 1', 'leaves'),
        ('../b_1.jpg 1', 'leaves'),
        ('sub/../../b_1.jpg 1', 'leaves'),
        ('.. 1', 'leaves'),
        ('C:b_1.jpg 1', 'leaves'),
        ('..\\b_1.jpg 1', 'backslash'),
        ('\\\\server\\b_1.jpg 1', 'backslash'),
        ('b_1.jpg\0.png 1', 'NUL'),
        ('', 'blank line'),
    ],
)
def test_bad_line_is_named_with_reason_and_remedy(tmp_path, line, reason):
    path = write(tmp_path, f'a_1.jpg 0\n{line}\nc_1.jpg 2\n')
    with pytest.raises(ValueError) as error:  # noqa: PT011
        read_annotations(path, 3)
    message = str(error.value)
    assert message.startswith(f'{path}:2: ')
    assert reason in message
    assert any(verb in message for verb in ('Write', 'Rename', 'Correct', 'Delete'))
    assert len(message) < 500


@pytest.mark.parametrize('content', ['', '\n\n', ' \r\n', b'\xef\xbb\xbf'])
def test_empty_file(tmp_path, content):
    with pytest.raises(ValueError, match=r'train\.txt:1: the file is empty\. Write'):
        read_annotations(write(tmp_path, content), 3)


def test_other_encodings_are_refused_with_the_line(tmp_path):
    path = write(tmp_path, 'a_1.jpg 0\nmüller_1.jpg 1\n'.encode('latin-1'))
    with pytest.raises(ValueError, match=r'train\.txt:2: not UTF-8'):
        read_annotations(path, 3)


def test_missing_file_names_the_command_and_the_files_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'`cite ann`.*contains no \.txt'):
        read_annotations(tmp_path / 'val_0.8.txt', 3)
    write(tmp_path, 'a_1.jpg 0\n')
    with pytest.raises(FileNotFoundError, match=r'`cite ann`.*: train\.txt\.'):
        read_annotations(tmp_path / 'val_0.8.txt', 3)
    with pytest.raises(FileNotFoundError, match='does not exist either'):
        read_annotations(tmp_path / 'none' / 'val_0.8.txt', 3)
    with pytest.raises(FileNotFoundError):
        read_annotations(tmp_path, 3)


def annotations(*lines):
    return [Annotation(*line) for line in lines]


def test_a_slide_with_two_labels_is_named_with_two_lines():
    lines = annotations(('a_0.jpg', 0), ('b_0.jpg', 1), ('b_1.jpg', 1), ('a_1.jpg', 2))

    with pytest.raises(
        ValueError,
        match=r"ann\.txt: slide 'a' has label 0 in line 1 and label 2 in line 4",
    ):
        check_slide_labels(lines, 'ann.txt')


def test_slides_are_told_apart_up_to_the_first_underscore():
    check_slide_labels(
        annotations(('a_0_b.jpg', 0), ('ab_0.jpg', 1), ('a_1.jpg', 0)), 'ann.txt'
    )


def test_written_files_are_sorted_whole_lines(tmp_path):
    path = tmp_path / 'new' / 'train.txt'
    write_annotations({path: [Annotation('b_1.jpg', 1), Annotation('a_1.jpg', 0)]})
    assert path.read_bytes() == b'a_1.jpg 0\nb_1.jpg 1\n'
    assert os.listdir(path.parent) == ['train.txt']
    plain = tmp_path / 'plain'
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode  # not a temporary file's 0600


def test_no_file_is_touched_when_the_disk_refuses_one(tmp_path):
    small, large = tmp_path / 'small.txt', tmp_path / 'large.txt'
    small.write_text('before')
    files = {
        small: [Annotation('a_1.jpg', 0)],
        large: [Annotation(f'a_{i}.jpg', 0) for i in range(1000)],
    }
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match='large'):
            write_annotations(files)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert small.read_text() == 'before'
    assert os.listdir(tmp_path) == ['small.txt']


def test_no_file_is_touched_when_a_folder_is_in_the_way(tmp_path):
    (tmp_path / 'b.txt').mkdir()
    entries = [Annotation('a_1.jpg', 0)]
    with pytest.raises(ValueError, match=r'b\.txt: this is a folder'):
        write_annotations({tmp_path / 'a.txt': entries, tmp_path / 'b.txt': entries})
    assert os.listdir(tmp_path) == ['b.txt']


# Bytes that are nearly annotation files, and any bytes at all.
nearly = st.lists(
    st.sampled_from(
        [b'a_1.jpg', b' ', b'0', b'\n', b'\r', b'..', b'/', b'\\', b'\0', b'\xff', b'-']
    )
).map(b''.join)


def check_any_bytes(folder, content):
    path = folder / 'train.txt'
    path.write_bytes(content)
    try:
        entries = read_annotations(path, 3)
    except ValueError as error:
        assert str(error).startswith(f'{path}:')  # noqa: PT017
        return
    copy = folder / 'copy.txt'
    write_annotations({copy: entries})
    assert read_annotations(copy, 3) == sorted(entries)


@example(content=b'a_1.jpg 0\n\xff')
@given(content=nearly | st.binary(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_an_answer_or_our_error(tmp_path_factory, content):
    check_any_bytes(tmp_path_factory.getbasetemp(), content)
