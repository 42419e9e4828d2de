"""Where tasks run: processes of this machine, a Ray cluster, or Slurm."""

from .base import ENGINES, Engine, Outcome, make_engine, slots

__all__ = ['ENGINES', 'Engine', 'Outcome', 'make_engine', 'slots']
