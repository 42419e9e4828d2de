"""Commands as a user types them, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*command, cwd=ROOT, **environment):
    """Return what a command prints, on either stream; it has to succeed."""
    env = {
        **os.environ,
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'PYTHONPATH': str(ROOT),
        'PYTHONWARNINGS': 'ignore',
        'CITE_CACHE': 'off',
        **environment,
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def mim(*arguments, **settings):
    """Return what mim prints."""
    return run(Path(sys.executable).with_name('mim'), *arguments, **settings)
