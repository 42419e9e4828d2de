"""What a run's folder holds: whole checkpoints, and what a kill left half done."""

import glob
import os
import os.path as osp
import re
import shutil
from typing import Optional

# Of a file that is being written; renamed when it is whole.
PARTIAL = '.partial'
_NUMBERED = re.compile(r'(?:iter|epoch)_(\d+)\.pth')
# Where mmcls' ranks exchange evaluation results; it refuses one that is there already.
_EXCHANGE = '.eval_hook'


def latest_checkpoint(folder: str) -> Optional[str]:
    """Return the checkpoint to go on from, or None if there is none.

    That is what ``latest.pth`` says. A run killed between its first checkpoint and that
    link has none: then it is the highest iteration or epoch.
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
    """Remove what a killed run left half done, and return the names."""
    paths = glob.glob(osp.join(glob.escape(folder), f'*.pth{PARTIAL}'))
    for path in paths:
        os.remove(path)
    exchange = osp.join(folder, _EXCHANGE)
    if osp.isdir(exchange):
        shutil.rmtree(exchange)
        paths.append(exchange)
    return [osp.basename(path) for path in paths]
