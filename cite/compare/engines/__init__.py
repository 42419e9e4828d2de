"""Where jobs run. Each engine yields outcomes as they come, in whatever order."""

from .base import Engine
from .choose import ENGINES, make_engine

__all__ = ['ENGINES', 'Engine', 'make_engine']
