"""What is replaced in mmcv, mmcls and timm, and why: see :mod:`.doors`.

Importing this package opens the doors.
"""

from .doors import DOORS, open_doors

open_doors()

__all__ = ['DOORS']
