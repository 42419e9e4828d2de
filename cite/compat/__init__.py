"""What is replaced in mmcv, mmcls and timm: see :mod:`.doors` and :mod:`.safe_loading`.

Importing this package opens the doors.
"""

from cite.core.files import checkpoint_loader

from . import safe_loading
from .doors import DOORS, open_doors

open_doors()
safe_loading.install()
checkpoint_loader.install()

__all__ = ['DOORS']
