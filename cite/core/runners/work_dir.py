"""A run's folder: the checkpoint to resume from, and what a killed run left behind."""

import glob
import os
import os.path as osp
import re
import shutil
from typing import Optional

from cite.core.files.write_whole import PARTIAL

_NUMBERED = re.compile(r'(?:iter|epoch)_(\d+)\.pth')
# The folder in which mmcls' ranks exchange results of an evaluation; mmcls refuses one
# that exists already.
_EXCHANGE = '.eval_hook'


def latest_checkpoint(folder: str) -> Optional[str]:
    """Return the checkpoint to resume from, or None if there is none.

    It is the one that ``latest.pth`` links to. A run killed between its first
    checkpoint and that link has no link: then it is the highest iteration or epoch.
    """
    latest = osp.join(folder, 'latest.pth')
    if osp.exists(latest):
        return latest
    numbered = {}
    for path in glob.glob(osp.join(glob.escape(folder), '*.pth')):
        match = _NUMBERED.fullmatch(osp.basename(path))
        if match:
            numbered[int(match[1])] = path
    return numbered[max(numbered)] if numbered else None


def remove_leftovers(folder: str) -> list[str]:
    """Remove the half-written files of a killed run, and return their names."""
    paths = glob.glob(osp.join(glob.escape(folder), f'*.pth*{PARTIAL}'))
    for path in paths:
        os.remove(path)
    exchange = osp.join(folder, _EXCHANGE)
    if osp.isdir(exchange):
        shutil.rmtree(exchange)
        paths.append(exchange)
    return [osp.basename(path) for path in paths]
