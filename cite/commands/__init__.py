"""The commands of ``cite``: one module each, with its arguments and what it prints.

A module has ``parse_args(argv)`` and ``main(args)``. It imports what it needs within
these functions, so that ``cite --help`` reads all modules without importing torch.
"""

from importlib import import_module
from types import ModuleType

import cite
from cite.apis.cli import run_cli

COMMANDS = (
    'train',
    'test',
    'new',
    'check',
    'ann',
    'convert',
    'export',
    'calibrate',
    'extract',
    'pack',
    'tile',
    'import-features',
    'compare',
    'predict',
    'repeat',
    'doctor',
    'install-mmcv',
    'configs',
)
# Here others' parts run as well, and their errors keep the traceback.
_TOOLS = ('train', 'test')


def run(name: str, argv: list[str]) -> None:
    """Run a command; a user's mistake ends in one sentence and exit code 2.

    Args:
        name: one of ``COMMANDS``.
        argv: arguments of the command.
    """

    def work() -> None:
        command = _module(name)
        args = command.parse_args(argv)
        if name not in cite.start.WITHOUT_TORCH:
            cite.register()
        command.main(args)

    run_cli(work, only_ours=name in _TOOLS)


def summary(name: str) -> str:
    """Return a command's line for the list of commands."""
    doc = _module(name).__doc__ or ''
    return doc.split('\n', 1)[0].rstrip('.')


def _module(name: str) -> ModuleType:
    return import_module(f'{__name__}.{name.replace("-", "_")}')
