"""Imports between the rooms of cite/compare run down; those in functions count."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPARE = 'cite.compare'
# A room may import those below it.
FLOOR = {
    'methods': 0,
    'plan': 1,
    'folder': 2,
    'statistics': 3,
    'report': 4,
}
ROOF = 5  # run.py and __init__.py
FILES = sorted((ROOT / 'cite/compare').rglob('*.py'))


def imports(text, package):
    """Yield line and absolute name of each module or name that a file imports.

    Args:
        text: content of the file.
        package: dotted name of the package that the file is in.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split('.')
            base = parents[: len(parents) - node.level + 1] if node.level else []
            module = '.'.join([*base, *filter(None, [node.module])])
            yield from ((node.lineno, f'{module}.{alias.name}') for alias in node.names)


def room_of(parts):
    """Return a room's name by the parts below cite/compare, or None for the roof."""
    return parts[0] if parts and parts[0] in FLOOR else None


def climbs(text, path):
    """List the imports of a file that do not run down."""
    folders = path.relative_to(ROOT / 'cite/compare').parts[:-1]
    room = room_of(folders)
    own = FLOOR.get(room, ROOF)
    found = []
    for line, module in imports(text, '.'.join([COMPARE, *folders])):
        if not f'{module}.'.startswith(f'{COMPARE}.'):
            continue
        other = room_of(module.split('.')[2:])
        if other != room and FLOOR.get(other, ROOF) >= own:
            found.append(f'{path.relative_to(ROOT)}:{line} imports {module}')
    return found


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_down(path):
    assert climbs(path.read_text(encoding='utf-8'), path) == []


def test_every_room_has_a_floor():
    rooms = {path.parent.name for path in (ROOT / 'cite/compare').glob('*/*.py')}
    assert rooms == {*FLOOR}


@pytest.mark.parametrize(
    ('room', 'line'),
    [
        ('plan', 'from cite.compare.folder.checks import AGAIN'),
        ('methods', 'from ..plan.config import Comparison'),
        ('statistics', 'from cite.compare.report.words import count'),
        ('folder', 'def read():\n    import cite.compare.statistics.summary'),
        ('methods', 'from cite.compare import run'),
    ],
)
def test_an_import_up_or_sideways_is_found(room, line):
    assert len(climbs(line, ROOT / 'cite/compare' / room / 'module.py')) == 1


@pytest.mark.parametrize(
    ('file', 'line'),
    [
        ('plan/module.py', 'from .config import Comparison'),
        ('report/module.py', 'from cite.compare.methods.job import Job'),
        ('run.py', 'from cite.compare.report import write_all'),
        ('folder/module.py', 'from cite.core.messages import count'),
    ],
)
def test_an_import_down_or_out_is_not(file, line):
    assert climbs(line, ROOT / 'cite/compare' / file) == []
