"""Find and read the config that a command is given."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Optional, Union

from cite.core.files.elsewhere import looked_at


def find_config(path: Union[str, Path]) -> Path:
    """Return the path of a config if the file exists.

    ``mim`` would run mmcls' own config of that name instead; our commands stop.

    Raises:
        FileNotFoundError: the file is missing; the message names similar ones.
    """
    path = Path(path)
    if path.is_file():
        return path
    files = sorted({*path.parent.glob('*.py'), *Path('configs').rglob('*.py')})
    runnable = [str(file) for file in files if '_base_' not in file.parts]
    similar = get_close_matches(str(path), runnable, n=3, cutoff=0.4)
    meant = f'Is it {" or ".join(similar)}?' if similar else 'Configs are in configs/.'
    raise FileNotFoundError(f'{path}: no such config file.{looked_at(path)} {meant}')


def read_config(
    path: Union[str, Path],
    options: Optional[Mapping[str, Any]] = None,
    variables: Optional[Mapping[str, Optional[str]]] = None,
) -> Any:
    """Read a config as mmcls' tools do.

    Args:
        path: path of the config.
        options: overrides of the config, as ``--cfg-options``.
        variables: environment variables to read it with; None unsets one.

    Returns:
        The ``mmcv.Config``.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: one of the options changes a variable of the config alone.
    """
    from mmcv import Config
    from mmcv.utils import import_modules_from_strings

    from .config_keys import unread_options

    with set_variables(variables or {}):
        cfg = Config.fromfile(str(find_config(path)))
        for _, message, _ in unread_options(cfg, options or ()):
            raise ValueError(message)
        cfg.merge_from_dict(dict(options or {}))
        if cfg.get('custom_imports'):
            import_modules_from_strings(**cfg.custom_imports)
    return cfg


@contextmanager
def set_variables(variables: Mapping[str, Optional[str]]) -> Iterator[None]:
    """Set environment variables for a while, which configs and child processes read.

    Args:
        variables: name to value; None unsets a variable.
    """
    before = dict(os.environ)
    for name, value in variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
