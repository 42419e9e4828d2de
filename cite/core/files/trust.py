"""Files that may run code when they are read, because their user has said so.

``CITE_TRUST`` holds their paths, separated as in ``PATH``. A folder is no file: whoever
trusts a stranger's file names that file.
"""

import os
import warnings
from pathlib import Path
from typing import Any

import torch

VARIABLE = 'CITE_TRUST'


def is_trusted(path: Path) -> bool:
    """Tell whether ``CITE_TRUST`` names this file."""
    listed = os.environ.get(VARIABLE, '').split(os.pathsep)
    return any(
        Path(entry).expanduser().resolve() == path.resolve()
        for entry in listed
        if entry
    )


def how_to_trust(path: Path) -> str:
    """Say how a user lets a refused file be read."""
    return (
        'Reading it may run code that it carries. If you trust whoever made it, put '
        f'{VARIABLE}={path} before the command; better, ask for a .safetensors file.'
    )


def load_trusted(path: Path) -> Any:
    """Read a trusted file as torch does, code and all, and say so."""
    warnings.warn(
        f'{path} is read with whatever code it carries: {VARIABLE} names it.',
        stacklevel=2,
    )
    try:
        return dict(torch.jit.load(str(path), map_location='cpu').state_dict())
    except RuntimeError:
        return torch.load(str(path), map_location='cpu', weights_only=False)
