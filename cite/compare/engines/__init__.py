"""Where jobs run. Each engine yields results as they come, in any order."""

from .base import ENGINES, Engine, make_engine, slots

__all__ = ['ENGINES', 'Engine', 'make_engine', 'slots']
