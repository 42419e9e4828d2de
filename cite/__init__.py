"""CITE: text-guided adaptation of image foundation models to pathology.

``import cite`` registers every part with mmcls; a config asks for it with
``custom_imports = dict(imports=['cite'], allow_failed_imports=False)``.

Source: Zhang et al., *Text-guided Foundation Model Adaptation for Pathological Image
Classification*, MICCAI 2023, arXiv:2307.14901.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

from . import start
from .version import __version__

__all__ = ['__version__', 'register']


def register() -> None:
    """Register every part with mmcls; a second call changes nothing.

    Raises:
        ImportError: torch or mmcv is not installed.
    """
    if find_spec('torch') is None:
        raise ImportError(f'cite needs torch.{start.environment_hint()}')
    if find_spec('mmcv') is None:
        raise ImportError(
            'cite needs mmcv 1.7, which pip cannot choose for you: after '
            '`pip install .`, `cite install-mmcv` (docs/INSTALL.md).'
            + start.environment_hint()
        )
    start.settle_threads()
    start.shorten_screen()
    with start.quiet_imports():
        from .start import import_clip

        import_clip()
        from . import compat, models  # noqa: F401
        from .core import hooks, runners  # noqa: F401
        from .datasets import registered  # noqa: F401


def _is_imported_by_own_command() -> bool:
    """Tell whether the command ``cite``, or a question for help, imports the package.

    :func:`cite.commands.run` registers the parts after it has parsed the arguments, so
    that ``cite --help`` need not wait for torch. The scripts of ``tools/`` call it,
    too, and have a ``__cite_command__``. A child process of the command has another
    ``__main__`` when it starts, so that it registers at import.
    """
    arguments = getattr(sys, 'argv', [])
    if arguments[:1] == ['-m']:  # python -m cite train --help, python -m cite ann
        names = arguments[1:2]
        return bool(
            {'-h', '--help'} & {*arguments} or {*names} & {*start.WITHOUT_TORCH}
        )
    main = sys.modules.get('__main__')
    script = getattr(main, '__file__', None)
    is_cite = script is not None and Path(script).name == 'cite'
    return is_cite or hasattr(main, '__cite_command__')


if not _is_imported_by_own_command():
    register()
