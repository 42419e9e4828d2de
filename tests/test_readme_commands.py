"""Every command of the README's blocks is run: here, by another test, or by CI.

A new command fails until a row of ``RUN_BY`` says what runs it, or until it is in
``HERE``. The options of the commands in all pages are parsed by the commands.
"""

import importlib
import re
import shutil
import sys

import pytest
from commands import ROOT, run
from page_commands import block_commands, inline_commands, words_of

README = (ROOT / 'README.md').read_text(encoding='utf-8')
PAGES = [
    *(ROOT / name for name in ('README.md', 'CONTRIBUTING.md', 'data/README.md')),
    *sorted((ROOT / 'docs').glob('*.md')),
    *sorted((ROOT / 'configs').rglob('README.md')),
]

# Cheap commands that are run as they stand, one after the other, in a folder that has
# the shipped configs.
HERE = [
    r'cp -r configs/glas configs/mine',
    r'sed -i .* configs/mine/\S+ configs/mine/\S+',
    r'cite install-mmcv',
    r'cite configs( copy .*)?',
    r'cite doctor',
    r'cite( help| --help)?',
]
# What runs the others: pattern of the whole command -> a step of .ci/run, or a test.
RUN_BY = {
    r'make env.*': '.ci/run: set-up, reference',
    r'make demo': '.ci/run: demo',
    r'make test': '.ci/run: tests, reference',
    r'make lint types': '.ci/run: lint',
    r'make docs': '.ci/run: docs',
    r'source \.venv/bin/activate': 'test_setup.py::'
    'test_the_current_stack_changes_no_package',
    # The set-up installs the same pins without mim.
    r'pip install torch==\S+ torchvision==\S+': '.ci/run: set-up, reference',
    r'pip install openmim': '.ci/run: set-up, reference',
    r'mim install mmcls==\S+': '.ci/run: set-up, reference',
    r'pip install -r requirements\.txt': '.ci/run: set-up, reference',
    r'pip install (--no-deps )?\.': 'test_wheel.py::test_the_command_is_installed',
    r"pip install '?\.\[\w+(,\w+)*\]'?": 'test_wheel.py::'
    'test_what_only_compare_needs_is_an_extra',
    # From a slide file to an answer.
    r'cite tile \S+ --out \S+': 'test_apis/test_tile/test_train_on_tiles.py::'
    'test_tile_ann_check_train_and_test',
    r'cite export \S+ \S+ \S+/': 'test_tutorial.py::test_every_cell_runs',
    r'cite predict \S+ --model \S+ --out \S+': 'test_tutorial.py::test_every_cell_runs',
    # PatchGastric.
    r'python tools/ann\.py': 'test_gastric_commands.py::test_shots_is_one_switch',
    r'(\S+=\S+ )?mim train mmcls configs/gastric/cite/\S+': 'test_gastric_commands.py::'
    'test_shots_is_one_switch',
    r'(\S+=\S+ )?mim test mmcls configs/gastric/\S+ --checkpoint \S+ --metrics .+': (
        'test_mim_commands.py::test_train_then_test_gives_the_figures_of_training'
    ),
    # A user's own data: what `cite new` prints is what the README has, and is run.
    r'cite new mine --(from|compare) \S+': 'test_commands/test_new.py::'
    'test_the_readme_has_the_commands_that_are_printed',
    r'cite (check|train|test) mine/.*': 'test_commands/test_new.py::'
    'test_the_printed_commands_run_from_another_folder',
    r'cite compare mine/.*': 'test_compare/test_run.py::'
    'test_every_job_has_a_line_with_all_figures',
}
COMMANDS = block_commands(README)


def matches(command, patterns):
    return [pattern for pattern in patterns if re.fullmatch(pattern, command)]


@pytest.mark.parametrize('command', COMMANDS)
def test_something_runs_it(command):
    rows = [*matches(command, HERE), *matches(command, RUN_BY)]
    assert len(rows) == 1, f'{command}: {len(rows)} rows here say what runs it'


@pytest.mark.parametrize('place', sorted(set(RUN_BY.values())))
def test_what_runs_it_exists(place):
    if place.startswith('.ci/run: '):
        step = place[len('.ci/run: ') :]
        steps = (ROOT / '.ci' / 'run').read_text(encoding='utf-8')
        assert f"\nstep '{step}' " in steps
    else:
        path, test = place.split('::')
        text = (ROOT / 'tests' / path).read_text(encoding='utf-8')
        assert re.search(rf'^def {test}\(', text, re.M)


def test_cheap_ones_run_as_they_stand(tmp_path):
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    cite = f'cite() {{ {sys.executable} -W ignore -m cite "$@"; }}'
    for command in COMMANDS:
        if matches(command, HERE):
            run('bash', '-ec', f'{cite}; {command}', cwd=tmp_path)


def cite_commands():
    for page in PAGES:
        text = page.read_text(encoding='utf-8')
        for command in [*block_commands(text), *inline_commands(text)]:
            words = words_of(command.replace('$s', '0'), 'cite') or []
            mention = len(words) < 3 and words[1:2] != [
                'CONFIG'
            ]  # cite predict --texts
            if not mention and '…' not in words and re.match(r'[a-z-]+$', words[0]):
                yield pytest.param(words, id=f'{page.stem}: {command}'[:80])


@pytest.mark.parametrize('words', cite_commands())
def test_a_command_takes_the_options_that_a_page_names(words, monkeypatch):
    monkeypatch.chdir(ROOT)
    name, *arguments = words
    missing = re.match('CONFIG|(configs/)?mine', arguments[0])
    if name in ('train', 'test') and missing:
        return  # mmcls parses these; ours looks for the config alone
    module = importlib.import_module(f'cite.commands.{name.replace("-", "_")}')
    module.parse_args(arguments)


def test_a_target_that_a_page_names_is_in_the_makefile():
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    targets = set(re.findall(r'^([a-z-]+):', makefile, re.M))
    for page in PAGES:
        text = page.read_text(encoding='utf-8')
        for command in [*block_commands(text), *inline_commands(text)]:
            words = words_of(command, 'make') or []
            named = {word for word in words if re.fullmatch(r'[a-z-]+', word)}
            assert named <= targets, f'{page.name}: {command}'
