"""Commands as a user types them, in separate processes."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import forked

ROOT = Path(__file__).parents[2]
MIM = Path(sys.executable).with_name('mim')
# set_random_seed sets it in tests; a user's command has none, and is a fork.
LEFT_BY_MMCV = 'PYTHONHASHSEED'
TOOLS = Path(find_spec('mmcls').origin).parent / '.mim/tools'


def attempt(*command, cwd=ROOT, apart=False, cold=False, **environment):
    """Run a command and return its process, with both streams in ``stdout``.

    Args:
        apart: whether ``stderr`` is kept apart.
        cold: whether it must be a new process: for a test of what that imports.
    """
    env = {
        **{name: x for name, x in os.environ.items() if name != LEFT_BY_MMCV},
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'PYTHONPATH': str(ROOT),
        'PYTHONWARNINGS': 'ignore',
        'CITE_CACHE': 'off',
        **environment,
    }
    words = [str(part) for part in command]
    if not cold and forked.can_run(words, env):
        return forked.run(words, cwd, env, apart)
    return subprocess.run(
        words,
        cwd=cwd,
        env=env,
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if apart else subprocess.STDOUT,
    )


def run(*command, **settings):
    """Return the output of a command that must succeed."""
    process = attempt(*command, **settings)
    assert process.returncode == 0, process.stdout[-5000:]
    return process.stdout


def mim_words(command, _, config, *options):
    """Return the words of ``mim COMMAND mmcls CONFIG …``.

    Without openmim, which cannot be imported beside setuptools 82, they are those of
    our command, which runs the same tool.
    """
    if MIM.exists():
        return [sys.executable, MIM, command, 'mmcls', config, *options]
    words = [option for option in options if option != '--checkpoint']
    return [sys.executable, '-m', 'cite', command, config, *words]


def tool_words(command, config, *options):
    """Return the words that ``mim COMMAND mmcls CONFIG …`` starts.

    mim itself takes seconds: it starts the tool twice, first for its help.
    """
    words = [option for option in options if option != '--checkpoint']
    return [sys.executable, TOOLS / f'{command}.py', config, *words, '--device', 'cpu']


def tool(*arguments, **settings):
    """Return the output of one of mmcls' tools, which must succeed."""
    return run(*tool_words(*arguments), **settings)


def mim(*arguments, **settings):
    """Return the output of a mim command that must succeed."""
    return run(*mim_words(*arguments), PYTHON_EXEC=str(forked.python()), **settings)
