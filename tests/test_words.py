"""Comments, docstrings, messages and pages are plain English, without old idioms."""

import io
import re
import tokenize

import pytest
from commands import ROOT

IDIOMS = re.compile(
    r'^\W*#\s*(?-i:Of)\b'
    r'|\bstands? in\b|\bto be had\b|\bwhoever\b|\bwhatever\b|\bas ever\b'
    r'|\blikewise\b|\bsee there\b'
    # "is no X" for "is not an X"; "there is no X" and set phrases are English.
    r'|(?<!there )\b(?:is|are|was) no (?!longer|more|less|better|larger|smaller|need'
    r'|such|other|way|one\b|room|test|difference|reason|network|matter)\w',
    re.IGNORECASE,
)
FOLDERS = ('cite', 'demo', 'benchmarks', 'tools', 'tests')
SOURCES = sorted(path for f in FOLDERS for path in (ROOT / f).rglob('*.py'))
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *(ROOT / 'docs').glob('*.md')]


def prose(path):
    """Yield the number and text of each line of comments and strings."""
    file = io.StringIO(path.read_text(encoding='utf-8'))
    for token in tokenize.generate_tokens(file.readline):
        kind = tokenize.tok_name[token.type]
        if kind in ('COMMENT', 'STRING', 'FSTRING_MIDDLE'):
            for i, line in enumerate(token.string.split('\n')):
                yield token.start[0] + i, line


@pytest.mark.parametrize('folder', FOLDERS)
def test_no_idiom_in_the_code(folder):
    for path in SOURCES:
        place = path.relative_to(ROOT)
        if place.parts[0] == folder and place.name != 'test_words.py':
            for number, line in prose(path):
                assert not IDIOMS.search(line), f'{place}:{number}: {line.strip()}'


def test_no_idiom_in_the_pages():
    for path in PAGES:
        for number, line in enumerate(path.read_text(encoding='utf-8').split('\n'), 1):
            assert not IDIOMS.search(line), f'{path.name}:{number}: {line}'


def test_idioms_are_found():
    for line in ('# Of a config, this', 'it stands in the way', 'this is no number'):
        assert IDIOMS.search(line)
    for line in ('there is no file', 'it is no longer there', 'Of 10 slides, 3 are'):
        assert not IDIOMS.search(line)
