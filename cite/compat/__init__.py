"""What is replaced in mmcv, mmcls and timm: see :mod:`.doors` and :mod:`.safe_loading`.

Importing this package opens the doors.
"""

from mmcv.runner.checkpoint import CheckpointLoader

from cite.core.files.checkpoint_loader import load_from_local

from . import safe_loading
from .doors import DOORS, open_doors

open_doors()
safe_loading.install()
CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)

__all__ = ['DOORS']
