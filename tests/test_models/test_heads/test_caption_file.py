import pytest

from cite.models.heads.caption_file import read_caption_file


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / 'captions.yml'
        path.write_text(text, encoding='utf-8')
        return path

    return write


def test_descriptions_in_the_order_of_the_classes(write):
    path = write(
        '# two classes\n'
        'Malignant:\n'
        '  - Sheets of cells, no glands\n'
        '  - "yes"\n'
        '  - 3\n'
        'Benign: Glands of regular shape\n'
    )
    assert read_caption_file(path) == {
        'Malignant': ['Sheets of cells, no glands', 'yes', '3'],
        'Benign': ['Glands of regular shape'],
    }
    assert [*read_caption_file(path)] == ['Malignant', 'Benign']


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', r'captions\.yml: no classes'),
        ('- a\n- b\n', r'captions\.yml: no classes'),
        ('a: x\nb:\n', r"captions\.yml:2: class 'b' has neither a description"),
        ('a: x\nb: []\n', r"captions\.yml:2: class 'b' has neither"),
        ('a: x\nb: {c: d}\n', r"captions\.yml:2: class 'b' has neither"),
        ('a: x\nb: [y, [z]]\n', r'captions\.yml:2: a name is missing or is not plain'),
        ('a: x\nb:\n- y\n- ""\n', r'captions\.yml:4: an empty'),
        ('a: x\na: y\n', r"captions\.yml:2: class 'a' is listed twice"),
        ('a: x\nb:\n- y\n- x\n', r"captions\.yml:4: the description 'x' .* line 1"),
        ('a: [x\nb: y\n', r'captions\.yml:2: not YAML'),
        ('a: !!python/name:os.system x\n', r'captions\.yml:1: a name is missing'),
    ],
)
def test_what_is_wrong_is_told_with_its_line(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_caption_file(write(text))


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.yml: no such captions file'):
        read_caption_file(tmp_path / 'none.yml')
