"""What this machine and its environment have: ``cite doctor``.

Nothing here imports another part of the package: it has to work where they do not.
"""

import importlib
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from cite.version import __version__

_NEEDED = {
    'torch': 'torch',
    'torchvision': 'torchvision',
    'mmcv': 'mmcv-full mmcv',
    'mmcls': 'mmcls',
    'numpy': 'numpy',
    'transformers': 'transformers',
    'timm': 'timm',
    'clip': 'clip-anytorch',
}
# Modules that some commands need, what pip calls them, and what for. Not by an extra:
# `pip install 'cite[slides]'` would look for a stranger's cite on PyPI.
_OPTIONAL = {
    'mim': (
        'openmim "setuptools<81" "click<8.3"',
        'mim train, mim test; cite train and cite test do without',
    ),
    'sklearn': ('scikit-learn', 'cite compare, the demo'),
    'jinja2': ('jinja2', 'reports'),
    'openslide': ('openslide-python openslide-bin', 'cite tile, cite predict'),
    'h5py': ('h5py', 'cite import-features'),
    'peft': ('peft', 'lora=dict(…) of a backbone'),
    'open_clip': ('open_clip_torch', 'the text tower of CONCH'),
    'sentencepiece': ('sentencepiece protobuf', 'the tokenizers of T5 and LLaMA'),
    'ray': ('ray', '--engine ray'),
    'submitit': ('submitit', '--engine slurm'),
}
_GB = 1e9
# Workers pass batches through it; a container without --shm-size has 0.067 GB.
_SMALL_SHM = 0.5
_LITTLE_DISK = 5.0


class Finding(NamedTuple):
    """One line of the list.

    Args:
        name: what was looked at.
        text: what is there.
        remedy: what to do; empty where nothing is wrong.
        breaks: whether commands fail without it.
    """

    name: str
    text: str
    remedy: str = ''
    breaks: bool = False


def examine(folder: Path = Path()) -> Iterator[Finding]:
    """Look at versions, devices, memory, disk, caches and optional packages.

    Args:
        folder: folder whose disk is looked at, that of the user's data and runs.
    """
    where = sys.prefix if sys.prefix != sys.base_prefix else 'no virtual environment'
    yield Finding(
        'cite', f'{__version__}, Python {platform.python_version()} ({where})'
    )
    for module, names in _NEEDED.items():
        yield _needed(module, names.split())
    yield from _devices()
    yield _memory()
    yield _disk(
        'disk', folder, _LITTLE_DISK, 'Delete old work_dirs, or work elsewhere.'
    )
    if Path('/dev/shm').is_dir():
        remedy = 'Start the container with --shm-size=8g, or set workers_per_gpu=0.'
        yield _disk('/dev/shm', Path('/dev/shm'), _SMALL_SHM, remedy)
    yield from _caches()
    for module, (packages, purpose) in _OPTIONAL.items():
        yield _optional(module, packages, purpose)


def _needed(module: str, distributions: list[str]) -> Finding:
    """Import a package that everything needs."""
    remedy = 'Run `pip install .`, then `cite install-mmcv` (docs/INSTALL.md).'
    try:
        if module == 'clip':  # see cite.start, which needs the others
            if find_spec('clip') is None:
                raise ImportError('not installed')
        else:
            importlib.import_module(module)
    except Exception as error:  # a broken installation may raise anything
        return Finding(module, f'cannot be imported: {error}', remedy, True)
    for name in distributions:
        try:
            return Finding(name, version(name))
        except PackageNotFoundError:
            pass
    return Finding(module, 'installed, without its version')


def _devices() -> Iterator[Finding]:
    threads = os.environ.get('OMP_NUM_THREADS', 'not set')
    yield Finding('CPU', f'{_cores()} cores, OMP_NUM_THREADS {threads}')
    try:
        import torch
    except Exception:  # said above
        return
    if not torch.cuda.is_available():
        yield Finding('GPU', 'none that torch sees: everything runs on the CPU')
        return
    built_for = torch.cuda.get_arch_list()
    for number in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(number)
        memory = torch.cuda.get_device_properties(number).total_memory / _GB
        text = f'{torch.cuda.get_device_name(number)}, {memory:.0f} GB'
        fits = any(a.startswith((f'sm_{major}', 'compute')) for a in built_for)
        remedy = (
            ''
            if fits
            else (
                f'torch {torch.__version__} has no code for compute capability {major}.'
                f'{minor}. Use the modern stack: make env STACK=modern.'
            )
        )
        yield Finding(f'GPU {number}', text, remedy, not fits)


def _cores() -> int:
    if hasattr(os, 'sched_getaffinity'):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> Finding:
    try:
        pages, size = os.sysconf('SC_PHYS_PAGES'), os.sysconf('SC_PAGE_SIZE')
    except (ValueError, OSError):
        return Finding('memory', 'unknown')
    return Finding('memory', f'{pages * size / _GB:.0f} GB')


def _disk(name: str, folder: Path, least: float, remedy: str) -> Finding:
    free = shutil.disk_usage(folder).free / _GB
    text = f'{free:.1f} GB free in {folder.absolute()}'
    return Finding(name, text, remedy if free < least else '')


def _caches() -> Iterator[Finding]:
    """Look at the folders of text embeddings and of downloaded models."""
    texts = os.environ.get('CITE_CACHE', '~/.cache/cite/text_embeddings')
    if texts == 'off':
        yield Finding('CITE_CACHE', 'off: texts are encoded at every start')
    else:
        yield _folder('CITE_CACHE', texts, 'CITE_CACHE')
    hub = os.environ.get('HF_HOME', '~/.cache/huggingface')
    offline = ', offline' if os.environ.get('HF_HUB_OFFLINE', '0') != '0' else ''
    cache = _folder('models', hub, 'HF_HOME')
    yield cache._replace(text=cache.text + offline)


def _folder(name: str, path: str, variable: str) -> Finding:
    """Tell whether a folder that is made when needed can be written."""
    remedy = f'Set {variable} to a folder that you may write.'
    try:
        folder = Path(path).expanduser()
    except RuntimeError as error:  # no such user
        return Finding(name, f'{path}: {error}', remedy)
    nearest = next(
        p for p in (folder.absolute(), *folder.absolute().parents) if p.exists()
    )
    is_usable = nearest.is_dir() and os.access(nearest, os.W_OK)
    return Finding(name, str(folder), '' if is_usable else remedy)


def _optional(module: str, packages: str, purpose: str) -> Finding:
    if find_spec(module) is None:
        return Finding(module, f'not installed: pip install {packages} ({purpose})')
    return Finding(module, f'installed ({purpose})')
