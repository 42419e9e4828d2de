"""Commands as a user types them, in separate processes."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MIM = Path(sys.executable).with_name('mim')


def attempt(*command, cwd=ROOT, **environment):
    """Run a command and return its process, with both streams in ``stdout``."""
    env = {
        **os.environ,
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'PYTHONPATH': str(ROOT),
        'PYTHONWARNINGS': 'ignore',
        'CITE_CACHE': 'off',
        **environment,
    }
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
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
        return [MIM, command, 'mmcls', config, *options]
    words = [option for option in options if option != '--checkpoint']
    return [sys.executable, '-m', 'cite', command, config, *words]


def mim(*arguments, **settings):
    """Return the output of a mim command that must succeed."""
    return run(*mim_words(*arguments), **settings)
