"""The documentation names tests, files and headings that exist."""

import dataclasses
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


def rows(page, heading):
    """Return the first cells of a section's tables, and the rows as they stand."""
    section = page.read_text(encoding='utf-8').split(f'\n## {heading}\n')[1]
    section = section.split('\n## ')[0]
    return [row.split(' | ') for row in re.findall(r'^\| (.+) \|$', section, re.M)]


def keys_of(cells):
    return {key for row in cells for key in re.findall(r'`(\w+)`', row[0])}


def test_every_key_of_a_comparison_is_in_its_table():
    from cite.compare.methods.job import Method
    from cite.compare.plan.read_config import _KEYS

    page = ROOT / 'docs' / 'COMPARE.md'
    assert keys_of(rows(page, 'The config')) == {*_KEYS}
    fields = {f.name for f in dataclasses.fields(Method)}
    named = keys_of(rows(page, 'Adding a method'))
    assert named == fields - {'name', 'settings', 'texts'}


def test_every_option_of_a_method_is_in_its_row():
    from cite.compare.methods import METHODS, SETTINGS

    table = {row[0]: row for row in rows(ROOT / 'docs' / 'COMPARE.md', 'Methods')}
    for kind in {*METHODS} - {'trained'}:
        row = table[f'`{kind}`']
        for option, default in SETTINGS[kind].items():
            assert f'`{option}`' in row[-2], (kind, option)
            shown = re.search(rf'`{option}` \(([^;)]+)', row[-2])
            if isinstance(default, (int, float)) and shown:
                assert float(eval(shown[1].split(':')[0])) == default, (kind, option)
