"""Build and install mmcv 1.7.2 in this environment: ``cite install-mmcv``.

Nothing here imports another part of the package: it has to work where they do not.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Optional

MMCV = 'mmcv==1.7.2'
_HELP = Path(__file__).with_name('mmcv_build')


def install_mmcv() -> None:
    """Install mmcv without its compiled operators, which this package does not use.

    Its setup.py needs help on Python 3.13 and beside setuptools 82, see
    ``mmcv_build``. OpenCV comes along where there is none.

    Raises:
        FileNotFoundError: there is neither pip nor uv.
        ValueError: the installation failed; the installer's output says why.
    """
    installer = _installer()
    if find_spec('setuptools') is None:
        _run([*installer, 'setuptools', 'wheel'])
    _run([*installer, '--no-deps', '--no-build-isolation', MMCV], _help())
    if find_spec('cv2') is None:
        _run([*installer, 'opencv-python-headless'])


def _installer() -> list[str]:
    if find_spec('pip') is not None:
        return [sys.executable, '-m', 'pip', 'install']
    uv = shutil.which('uv')
    if uv is None:
        raise FileNotFoundError(
            f'{sys.executable} has no pip, and uv is not on PATH. Install one: '
            '`python -m ensurepip`.'
        )
    return [uv, 'pip', 'install', '--python', sys.executable]


def _help() -> dict[str, str]:
    """Return the variables that let mmcv's setup.py run here."""
    folders = [_HELP]
    # A `pkg_resources` in front of setuptools' own would hide it.
    if find_spec('pkg_resources') is None:
        folders.append(_HELP / 'pkg_resources_only')
    own = filter(None, [os.environ.get('PYTHONPATH')])
    return {'PYTHONPATH': os.pathsep.join([*map(str, folders), *own])}


def _run(words: list[str], variables: Optional[dict[str, str]] = None) -> None:
    environment = {**os.environ, **(variables or {})}
    if subprocess.run(words, env=environment, check=False).returncode:
        raise ValueError(f'`{" ".join(words)}` failed; its output above says why.')
