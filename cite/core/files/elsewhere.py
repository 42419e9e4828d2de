"""What an error says about a path that is missing: where it was looked for."""

import os
import re
import sys
from pathlib import Path
from typing import Optional, Union

from cite.core.command_line import cfg_options, changed_on_its_way


def looked_at(path: Union[str, Path]) -> str:
    """Return sentences for an error about a missing file or folder, or ''.

    A relative path of a config starts at the folder that the command runs in. Run in
    another one, it misses files that are there.

    Args:
        path: the path as it was given.

    Returns:
        That it is a folder, or a path of Windows, or that mmcv changed it on its way
        from ``--cfg-options``; else the whole path that was tried, if it is relative,
        the folder in which it exists, if that is one above this folder or above a
        config of the command line, and the folder that is missing. It starts with a
        space.
    """
    text = _changed(str(path)) or _of_another_kind(str(path))
    path = Path(path).expanduser()
    if text or path.is_absolute():
        return text or _no_folder(path)
    text = f' It was looked for at {path.absolute()}, because a relative path starts '
    text += 'at the folder that the command runs in.'
    root = root_of(path)
    if root is not None:
        text += (
            f' There is {root / path}: run the command in {root}, or write this path.'
        )
        return text
    return text + _no_folder(path)


def _of_another_kind(path: str) -> str:
    """Say that a path is a folder's, or that of another system, or ''."""
    if os.path.isdir(os.path.expanduser(path)):
        latest = os.path.join(path, 'latest.pth')
        name = latest if os.path.isfile(os.path.expanduser(latest)) else 'a file in it'
        return f' It is a folder; name {name}.'
    with_slashes = path.replace('\\', '/')
    if os.name != 'nt' and re.match('[A-Za-z]:/', with_slashes):
        here = f'/mnt/{path[0].lower()}{with_slashes[2:]}'
        return f' It is a path of Windows; in WSL it is {here}.'
    if with_slashes != path and os.path.exists(with_slashes):
        return f' There is {with_slashes}: write it with /.'
    return ''


def _no_folder(path: Path) -> str:
    """Name the first folder of a path that is missing, or ''."""
    missing = [folder for folder in path.parents if not os.path.isdir(folder)]
    return f' There is no folder {missing[-1]}.' if missing else ''


def _changed(path: str) -> str:
    """Say that a path has lost its blanks on its way from the command line, or ''."""
    for name, written in cfg_options().items():
        arrived = written.strip('\'"').replace(' ', '')
        is_inside = Path(arrived) in (Path(path), *Path(path).parents)
        if ' ' in written and is_inside and changed_on_its_way(written):
            return f' --cfg-options {name}: {changed_on_its_way(written)}.'
    return ''


def root_of(path: Union[str, Path]) -> Optional[Path]:
    """Return the folder from which a relative path that is missing here exists."""
    path = Path(path).expanduser()
    if path.is_absolute() or path.exists():
        return None
    starts = [Path.cwd()]
    for argument in sys.argv[1:]:
        if argument.endswith('.py'):
            starts.append(Path(os.path.abspath(os.path.expanduser(argument))))
    for start in starts:
        for folder in start.parents:
            try:
                if (folder / path).exists():
                    return folder
            except OSError:  # a folder that may not be looked into
                continue
    return None
