"""Published checkpoints of other projects in the form that our backbones load."""

from .conversion import Conversion
from .convert import convert_checkpoint
from .sources import LAYOUTS
from .targets import TARGETS

__all__ = ['LAYOUTS', 'TARGETS', 'Conversion', 'convert_checkpoint']
