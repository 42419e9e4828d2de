"""The configs that come with the package: where they are, and copies to work on."""

import ast
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Union

_PACKAGE = Path(__file__).parents[1]


def shipped_configs() -> Path:
    """Return the folder of the configs: in a wheel where openmim expects it.

    Raises:
        FileNotFoundError: there is none.
    """
    for folder in (_PACKAGE / '.mim' / 'configs', _PACKAGE.parent / 'configs'):
        if (folder / 'gastric').is_dir():
            return folder
    raise FileNotFoundError(
        f'{_PACKAGE} came without its configs. Install cite again, or copy them from '
        'its repository.'
    )


def families() -> list[str]:
    """Name the folders of configs that can be copied."""
    return sorted(path.name for path in shipped_configs().iterdir() if path.is_dir())


def copy_configs(name: str, out: Union[str, Path]) -> list[Path]:
    """Copy a family of configs, and the configs elsewhere that they inherit from.

    The inherited ones keep their place relative to the copy, so that nothing has to be
    edited: ``configs/glas`` copied to ``configs/mine`` brings
    ``configs/gastric/_base_`` files along.

    Args:
        name: one of :func:`families`.
        out: folder to write, which must not exist.

    Returns:
        The runnable configs of the copy.

    Raises:
        FileExistsError: the folder exists.
        ValueError: the family is unknown.
    """
    if name not in families():
        raise ValueError(f'no configs {name}; there are {", ".join(families())}.')
    source, out = shipped_configs() / name, Path(out)
    if out.exists():
        raise FileExistsError(f'{out} exists; name another folder.')
    ignored = shutil.ignore_patterns('__pycache__')
    shutil.copytree(source, out, ignore=ignored)
    for file in sorted(source.rglob('*.py')):
        _copy_named(file, out / file.relative_to(source))
    return [f for f in sorted(out.rglob('*.py')) if '_base_' not in f.parts]


def _copy_named(file: Path, copy: Path) -> None:
    """Copy what a config reads, from its place to the same place beside a copy."""
    for name in _names(file):
        target = Path(os.path.normpath(copy.parent / name))
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.parent / name, target)
            _copy_named(file.parent / name, target)


def _names(file: Path) -> Iterator[str]:
    """Yield the files that a config names relative to itself: bases, texts, classes."""
    if file.suffix != '.py':
        return
    for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
        name = node.value if isinstance(node, ast.Constant) else None
        if not isinstance(name, str) or not name.endswith(('.py', '.yml')):
            continue
        if (file.parent / name).is_file():
            yield name
