"""The house: imports run down, and what is replaced in the hosts is listed.

Compare's own floors are in test_compare/test_floors.py, what a wheel holds is in
test_wheel.py.
"""

import ast
import json
import sys
from collections import Counter

import pytest
from commands import ROOT, run

FLOOR = {
    'version': 0,
    'start': 0,
    'core': 0,
    'datasets': 1,
    'models': 1,
    'slides': 1,
    'apis': 2,
    'engines': 3,
    'compare': 4,
    'inference': 4,
    'compat': 5,
    'commands': 6,
}
OUTSIDE = {'demo', 'benchmarks', 'tools', 'tests'}
# Workers and commands call `cite.register()`.
REGISTERS = {
    'cite/compare/methods/task.py',
    'cite/inference/predict/run.py',
    'cite/commands/__init__.py',
}
# The face that notebooks import from also shows what is in the wing above.
FACE = 'cite/apis/__init__.py', 'cite.inference.'
FILES = sorted(path.relative_to(ROOT) for path in (ROOT / 'cite').rglob('*.py'))
AT_MOST = 14  # attributes of mmcv, mmcls and timm that are replaced


def imports(path):
    """Yield line and absolute module of each import, those in functions included."""
    package = path.with_suffix('').parts[:-1]
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = '.'.join([*base, *filter(None, [node.module])])
            yield from ((node.lineno, f'{module}.{alias.name}') for alias in node.names)


def room_of(module):
    """Return the room of one of our modules, or None."""
    first, _, rest = module.partition('.')
    return rest.partition('.')[0] if first == 'cite' else None


@pytest.mark.parametrize('path', FILES, ids=str)
def test_imports_run_down(path):
    here = path.parts[1] if len(path.parts) > 2 else None  # None: the roof
    for line, module in imports(path):
        assert module.partition('.')[0] not in OUTSIDE, f'{path}:{line}'
        room = room_of(module)
        if room is None or here is None or room == here:
            continue
        if (room == '' and str(path) in REGISTERS) or (
            str(path) == FACE[0] and module.startswith(FACE[1])
        ):
            continue
        assert FLOOR.get(room, 9) < FLOOR[here], f'{path}:{line} imports {module}'


def test_no_function_is_longer_than_a_screen():
    for path in FILES:
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding='utf-8'))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= 50, f'{path}: {node.name} has {lines} lines'


def test_no_room_holds_more_than_a_quarter():
    lines = Counter()
    for path in FILES:
        lines[path.parts[1]] += len((ROOT / path).read_bytes().splitlines())
    room, most = lines.most_common(1)[0]
    assert most <= sum(lines.values()) / 4, room


def test_few_files_are_closets():
    small = [p for p in FILES if len((ROOT / p).read_bytes().splitlines()) < 50]
    assert len(small) <= 80, sorted(map(str, small))


def test_every_room_has_a_floor():
    assert {path.parts[1] for path in FILES if len(path.parts) > 2} <= set(FLOOR)


# Prints the attributes of the hosts' modules and classes that `import cite` changes.
REPLACED = """
import importlib, json, sys
import mmcls.apis, mmcls.core, mmcls.datasets, mmcls.models, mmcls.utils
import mmcv.parallel, mmcv.runner, timm
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)

def attributes():
    holders = {}
    for name, module in list(sys.modules.items()):
        if name.partition('.')[0] in ('mmcv', 'mmcls', 'timm') and module is not None:
            holders[name] = module
            for key, value in list(vars(module).items()):
                if isinstance(value, type) and value.__module__ == name:
                    holders[f'{name}.{key}'] = value
    return {
        (name, key): value
        for name, holder in holders.items()
        for key, value in list(vars(holder).items())
    }

before = attributes()
import cite
after = attributes()
# What the hosts themselves rewrite when a class or a checkpoint scheme is registered.
noise = {'__abstractmethods__', '_abc_impl', '__doc__', '__subclasshook__', '_schemes'}
changed = {
    key for key, value in before.items()
    if after.get(key) is not value and key[1] not in noise
}
# A class that is replaced takes its attributes with it.
changed = {key for key in changed if tuple(key[0].rsplit('.', 1)) not in changed}

def home(value):
    try:
        return str(value.__module__)
    except Exception:
        return ''

# Anything of ours that any module has but our own and this script.
for name, module in list(sys.modules.items()):
    if module is not None and name.partition('.')[0] not in ('cite', '__main__'):
        for key, value in list(vars(module).items()):
            if home(value).partition('.')[0] == 'cite':
                changed.add((name, key))
print(json.dumps(sorted(changed)))
"""
LOADED = """
import json, sys
import cite
hosts = ('mmcv', 'mmcls', 'timm')
print(json.dumps([n for n in sys.modules if n.partition('.')[0] in hosts]))
"""


def fresh(code, *arguments):
    """Run code in a process without our package, and read what it prints last."""
    printed = run(sys.executable, '-W', 'ignore', '-c', code, *arguments, apart=True)
    return json.loads(printed.splitlines()[-1])


def test_every_replaced_attribute_is_listed():
    from cite.compat.doors import DOORS

    listed = {(door.module, door.name) for door in DOORS}
    modules = json.dumps(fresh(LOADED))
    replaced = {tuple(pair) for pair in fresh(REPLACED, modules)}
    assert replaced == listed
    assert len(listed) <= AT_MOST


# Prints the names of the hosts that `import cite` registers anew.
REGISTERED_ANEW = """
import json
import mmcls.apis, mmcls.core, mmcls.datasets, mmcls.models
import mmcv.cnn, mmcv.runner
registries = [
    *(mmcv.runner.RUNNERS, mmcv.runner.HOOKS, mmcv.cnn.MODELS),
    *(mmcls.datasets.DATASETS, mmcls.datasets.PIPELINES, mmcls.models.CLASSIFIERS),
]
before = [dict(registry.module_dict) for registry in registries]
import cite
after = [registry.module_dict for registry in registries]
changed = {n for b, a in zip(before, after) for n in b if a[n] is not b[n]}
print(json.dumps(sorted(changed)))
"""


def test_every_name_that_is_registered_anew_is_listed():
    from cite.compat.doors import REGISTERED

    assert fresh(REGISTERED_ANEW) == sorted(REGISTERED)
    assert all(len(why) > 10 for why in REGISTERED.values())


def test_each_door_says_why_and_is_open():
    import importlib.util

    from cite.compat.doors import DOORS

    for door in DOORS:
        if importlib.util.find_spec(door.module) is None:
            continue
        assert getattr(importlib.import_module(door.module), door.name) is door.ours
        assert len(door.why) > 10
