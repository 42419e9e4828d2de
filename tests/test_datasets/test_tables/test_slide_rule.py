"""Which slide a patch belongs to, by each kind of rule; ids of well-known data sets."""

import pickle
import re
import sys

import pytest
from commands import run
from mmcv import DictAction

from cite.datasets.tables.annotations import Annotation, check_slide_labels
from cite.datasets.tables.patches import list_patches
from cite.datasets.tables.slide_rule import SlideRule, table_of

COORDINATES = r'(.+)_\d+_\d+\.'


@pytest.mark.parametrize(
    ('text', 'filename', 'slide'),
    [
        ('prefix', 'f77a_0b_1c.jpg', 'f77a'),
        ('prefix', 'some_folder/f77a_0b.jpg', 'f77a'),
        ('prefix', 'f77a.jpg', 'f77a.jpg'),
        ('prefix', '_0b.jpg', ''),
        ('prefix', 'TCGA-AA-3489-01Z-00-DX1_5_7.png', 'TCGA-AA-3489-01Z-00-DX1'),
        ('folder', 'tumor_001/tumor_001_0_0.png', 'tumor_001'),
        ('folder', 'a/s1/0.png', 'a/s1'),
        ('folder', 'b/s1/0.png', 'b/s1'),
        (COORDINATES, 'tumor_001_512_0.png', 'tumor_001'),  # CAMELYON16
        (COORDINATES, 'patient_017_node_2_0_512.jpg', 'patient_017_node_2'),
        (r'(TCGA-\w\w-\w{4})', 'TCGA-AA-3489-01Z-00-DX1_5_7.png', 'TCGA-AA-3489'),
        (r'(?P<slide>[^_]+)_(\d+)', 'S-1_2.png', 'S-1'),
        (r'(\d+)_(?P<slide>\w+)\.', '17_case_b.png', 'case_b'),
        (r'(?:.*/)?(\w+)-\d+\.png', 'deep/er/s_1-22.png', 's_1'),
    ],
)
def test_the_slide_of_a_patch(text, filename, slide):
    assert SlideRule(text)(filename) == slide
    assert pickle.loads(pickle.dumps(SlideRule(text)))(filename) == slide


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('prefx', "one group, such as .* Did you mean 'prefix'?"),
        ('Folder', "Did you mean 'folder'?"),
        (r'.*_\d+', 'one group'),
        ('', 'one group'),
        ('(', 'not a regular expression'),
        (r'(.+)_(\d+)\.', 'has 2 groups; name the one with the slide'),
        ('column:slide', "write 'column:NAME of TABLE.csv'"),
        ('column:slideoft.csv', '--cfg-options deletes blanks'),
    ],
)
def test_rules_that_are_none(text, message):
    with pytest.raises(ValueError, match=message.replace('(?P', r'\(\?P')):
        SlideRule(text)


@pytest.mark.parametrize('text', [None, 3, ('.+',), ['(a)', '(b)']])
def test_a_rule_is_a_text(text):
    with pytest.raises(TypeError, match="it is 'prefix'"):
        SlideRule(text)


def test_a_patch_without_a_slide_is_named_with_its_line():
    names = ['t_1_0_0.png', 't_1.png']
    with pytest.raises(ValueError, match=r"a\.txt:2: .*'t_1\.png' does not match"):
        SlideRule(COORDINATES).of_files(names, 'a.txt')
    with pytest.raises(ValueError, match=r'a\.txt:1: .*does not lie in a folder'):
        SlideRule('folder').of_files(names, 'a.txt')
    # Nor is a group that is empty or takes part in no match a slide.
    for text in ('(a)?t', '(a*)t'):
        with pytest.raises(ValueError, match='does not match'):
            SlideRule(text)('t_1.png')


def table(tmp_path, text):
    path = tmp_path / 'my patches.csv'
    path.write_text(text, encoding='utf-8')
    return f'column:Slide ID of {path}'


def test_a_column_of_a_table(tmp_path):
    text = '"patch";'.replace(';', ',') + 'label,Slide ID\r\n'
    rule = SlideRule(
        table(tmp_path, text + './x/1.png,0, case 7 \r\n2.png,1,B\n2.png,1,B\n')
    )
    assert [rule('x/1.png'), rule('2.png')] == ['case 7', 'B']
    assert table_of(rule.text) == str(tmp_path / 'my patches.csv')
    with pytest.raises(ValueError, match=r"the table does not have the patch '1\.png'"):
        rule('1.png')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('patch,slide\n1.png,a\n', r"csv:1: the column 'Slide ID' is missing"),
        ('tile,Slide ID\n1.png,a\n', 'one column with the paths of the patches'),
        ('file,path,Slide ID\n1,2,a\n', 'one column with the paths of the patches'),
        ('file,Slide ID\n1.png,a\n2.png,\n', r'csv:3: file or Slide ID is missing'),
        ('file,Slide ID\n1.png,a\n1.png,b\n', r"csv:3: the patch '1\.png' has the sl"),
        ('file,Slide ID\n1.png\n', r'csv:2: file or Slide ID is missing'),
    ],
)
def test_faulty_tables(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        SlideRule(table(tmp_path, text))


def test_a_missing_table_is_named_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=str(tmp_path / 'none.csv')):
        SlideRule('column:slide of none.csv')


def test_two_labels_of_a_slide_depend_on_the_rule():
    lines = [Annotation('tumor_001_0_0.png', 0), Annotation('tumor_002_0_0.png', 1)]
    with pytest.raises(ValueError, match="slide 'tumor' has label 0 in line 1"):
        check_slide_labels(lines, 'ann.txt')
    check_slide_labels(lines, 'ann.txt', SlideRule(COORDINATES))


def test_patches_in_folders(tmp_path):
    for name in (
        'a/s_1/0.png',
        'a/s_1/1.png',
        'b/s_1/0.png',
        'b/notes.txt',
        '.x/0.png',
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / 'b/s_1/round').symlink_to(tmp_path / 'b')
    folder = list_patches(tmp_path, SlideRule('folder'))
    assert folder.slides == {
        'a/s_1': ['a/s_1/0.png', 'a/s_1/1.png'],
        'b/s_1': ['b/s_1/0.png'],
    }
    assert folder.ignored == ['.x', 'b/notes.txt']
    (tmp_path / 'loose_0.png').touch()
    with pytest.raises(ValueError, match=r"'loose_0\.png' does not lie in a folder"):
        list_patches(tmp_path, SlideRule('folder'))


def test_a_rule_of_the_command_line_arrives_whole_or_is_refused(monkeypatch):
    for written in (COORDINATES, r'(TCGA-[^_]+)_', 'folder'):
        arrived = DictAction._parse_iterable(written)
        monkeypatch.setattr('sys.argv', ['train.py', f'data.train.slide={written}'])
        assert SlideRule(arrived).text == written
    for written in ('column:slide of t.csv', r'(a b)_', r'(.+)'):
        arrived = DictAction._parse_iterable(written)
        monkeypatch.setattr('sys.argv', ['train.py', f'data.train.slide={written}'])
        with pytest.raises((ValueError, TypeError), match=r'slide'):
            SlideRule(arrived)


def test_one_path_written_in_several_ways_has_one_slide():
    for name in ('s/x/0.png', './s/x/0.png', 's//x/0.png', 's/./x/0.png'):
        assert SlideRule('folder')(name) == 's/x'
        assert SlideRule(r'(\w+)/x')(name) == 's'


def test_an_expression_that_never_ends_is_refused():
    """pytest has the alarm of this process."""
    code = (
        'from cite.datasets.tables import slide_rule\n'
        'slide_rule.SECONDS = 1\n'
        "rule = slide_rule.SlideRule('((a+)+)$'.replace('(a+)', '(?:a+)'))\n"
        "assert rule('aaa') == 'aaa'\n"
        'try:\n'
        "    rule.of_files(['a', 'a' * 40 + 'b.png'], 'ann.txt')\n"
        'except ValueError as error:\n'
        '    print(error)\n'
    )
    printed = run(sys.executable, '-c', code)
    assert re.search(r'ann\.txt:2: .*more than 1 seconds.*repetition', printed)
