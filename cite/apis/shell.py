"""Run the commands that a user would type, and print them so that they can be."""

import os
import re
import shlex
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

# The lines of a run that a user wants to see: iterations, evaluations, metrics.
# The environment and the config, some 200 lines, are in the run's log.
_PROGRESS = re.compile(r'Iter ?[\[(].*|^\w*accuracy\w* : .*')
_KEPT = 60  # lines to show after a failure


def run_command(
    command: Sequence[str], env: Mapping[str, str], only_progress: bool = False
) -> None:
    """Print a command and run it with this Python.

    Args:
        command: words of the command; the first is ``python``, ``cite`` or a program
            beside this Python.
        env: environment variables of the command, printed before it.
        only_progress: show only the iterations and metrics in its output.

    Raises:
        ValueError: the command failed; the end of its output is shown.
    """
    typed = as_typed(command, env)
    print(f'\n$ {typed}', flush=True)
    words = command_line(command)
    # This Python and the current folder come before what is installed elsewhere.
    first = {'PATH': str(Path(sys.executable).parent), 'PYTHONPATH': os.getcwd()}
    paths = {
        name: os.pathsep.join(filter(None, [folder, os.environ.get(name)]))
        for name, folder in first.items()
    }
    variables = {**os.environ, **paths, **env}
    if only_progress:
        code = _show_progress(words, variables)
    else:
        code = subprocess.run(words, env=variables, check=False).returncode
    if code:
        raise ValueError(f'`{typed}` ended with code {code}; see its last lines above.')


def command_line(command: Sequence[str]) -> list[str]:
    """Return the words that start a command; ``cite`` need not be installed."""
    program, *arguments = command
    if program == 'python':
        return [sys.executable, *arguments]
    if program == 'cite':
        return [sys.executable, '-m', 'cite', *arguments]
    return [str(Path(sys.executable).with_name(program)), *arguments]


def _show_progress(words: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command and show its progress; after a failure show its last lines."""
    with subprocess.Popen(
        words,
        env={'PYTHONUNBUFFERED': '1', **variables},
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
            else:
                hidden.append(line)
    if process.returncode:
        print(''.join(hidden), file=sys.stderr)
    return process.returncode


def as_typed(command: Sequence[str], env: Mapping[str, str]) -> str:
    """Write a command as one types it in a shell.

    >>> as_typed(['cite', 'train', 'a b.py'], {'SHOTS': '4'})
    "SHOTS=4 cite train 'a b.py'"
    """
    variables = [f'{name}={shlex.quote(value)}' for name, value in env.items()]
    return ' '.join([*variables, *map(shlex.quote, command)])


def shell_setup() -> str:
    """Write the line that sets up a shell as the demo does: this Python, one thread."""
    folder, here = Path(sys.executable).parent, Path.cwd()
    inside = here in folder.parents
    typed = f'$PWD/{folder.relative_to(here)}' if inside else str(folder)
    return f'export PATH="{typed}:$PATH" PYTHONPATH="$PWD" OMP_NUM_THREADS=1'
