"""Run the commands that a user would type, and print them so that they can be."""

import os
import re
import shlex
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

# What a user wants to see of mim's output: iterations, evaluations and metrics. The
# environment and the config, some 200 lines, are in the run's log.
_PROGRESS = re.compile(r'Iter ?[\[(].*|^\w*accuracy\w* : .*')
_KEPT = 60  # lines to show after a failure
# With tensors as small as the demo's, threads only wait for one another.
_SETTINGS = {'OMP_NUM_THREADS': '1', 'PYTHONUNBUFFERED': '1'}


def run_command(
    command: Sequence[str], env: Mapping[str, str], only_progress: bool = False
) -> None:
    """Print a command and run it with this Python.

    Args:
        command: its words; the first is ``python`` or ``mim``.
        env: variables that it needs; printed before it.
        only_progress: of the output, show iterations and metrics only.

    Raises:
        ValueError: it ended with another code than 0; the end of its output is shown.
    """
    print(f'\n$ {as_typed(command, env)}', flush=True)
    folder = Path(sys.executable).parent
    program = sys.executable if command[0] == 'python' else str(folder / command[0])
    with subprocess.Popen(
        [program, *command[1:]],
        env={**_SETTINGS, **os.environ, **_search_paths(folder), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding='utf-8',
        errors='replace',
    ) as process:
        assert process.stdout is not None
        hidden: deque[str] = deque(maxlen=_KEPT)
        for line in process.stdout:
            progress = _PROGRESS.search(line)
            if progress:
                print(progress[0], flush=True)
            elif only_progress:
                hidden.append(line)
            else:
                print(line, end='', flush=True)
    if process.returncode:
        print(''.join(hidden), file=sys.stderr)
        raise ValueError(
            f'`{as_typed(command, env)}` ended with code {process.returncode}; its '
            'last lines stand above.'
        )


def as_typed(command: Sequence[str], env: Mapping[str, str]) -> str:
    """Write a command as one types it in a shell.

    >>> as_typed(['mim', 'train', 'mmcls', 'a b.py'], {'SHOTS': '4'})
    "SHOTS=4 mim train mmcls 'a b.py'"
    """
    variables = [f'{name}={shlex.quote(value)}' for name, value in env.items()]
    return ' '.join([*variables, *map(shlex.quote, command)])


def shell_setup() -> str:
    """Write the line after which a shell finds ``python``, ``mim`` and the package."""
    folder, here = Path(sys.executable).parent, Path.cwd()
    typed = str(folder)
    if here in folder.parents:
        typed = f'$PWD/{folder.relative_to(here)}'
    return f'export PATH="{typed}:$PATH" PYTHONPATH="$PWD" OMP_NUM_THREADS=1'


def _search_paths(folder: Path) -> dict[str, str]:
    paths = {'PATH': str(folder), 'PYTHONPATH': os.getcwd()}
    return {
        name: os.pathsep.join(filter(None, [first, os.environ.get(name)]))
        for name, first in paths.items()
    }
