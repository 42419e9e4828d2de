"""The documentation names tests, files and headings that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted(ROOT.glob('*.md')),
    *sorted((ROOT / 'docs').glob('*.md')),
    *sorted((ROOT / 'configs').rglob('*.md')),
    ROOT / 'data' / 'README.md',
    ROOT / 'tests' / 'MUTATIONS.md',
]


def names_of(page):
    return str(page.relative_to(ROOT))


def anchors(page):
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r'^#+ (.+)$', page.read_text(encoding='utf-8'), re.M)
    return {re.sub(r'[^\w\- ]', '', h).lower().replace(' ', '-') for h in headings}


@pytest.mark.parametrize('page', PAGES, ids=names_of)
def test_links_lead_somewhere(page):
    for link in re.findall(r'\]\(([^)\s]+)\)', page.read_text(encoding='utf-8')):
        if link.startswith(('http', 'mailto:')):
            continue
        path, _, anchor = link.partition('#')
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor and target.suffix == '.md':
            assert anchor in anchors(target), link


def test_every_test_that_mutations_names_exists():
    text = (ROOT / 'tests' / 'MUTATIONS.md').read_text(encoding='utf-8')
    named = re.findall(r'`([\w/]+\.py)::(\w+)', text)
    assert len(named) > 100
    for path, name in named:
        file = ROOT / path if path.startswith('tests/') else ROOT / 'tests' / path
        assert re.search(rf'^def {name}\(', file.read_text(), re.M), f'{path}::{name}'


@pytest.mark.parametrize('page', PAGES, ids=names_of)
def test_files_of_the_house_that_are_named_exist(page):
    text = page.read_text(encoding='utf-8')
    if page.name == 'CHANGELOG.md':
        text = re.sub(r'^.*→.*$', '', text, flags=re.M)  # where things were
    pattern = r'`((?:cite|demo|benchmarks|tools|configs|tests)/[\w./-]+\.\w+)'
    for path in re.findall(pattern, text):
        placeholder = re.search(r'/mine/|[A-Z]{4}', path)  # cite/commands/NAME.py
        near = (page.parent / path).exists()
        assert placeholder or near or (ROOT / path).exists(), path
