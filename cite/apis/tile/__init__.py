"""Slide files to a data set in PatchGastric's layout: ``cite tile``."""

from .run import tile_slides
from .settings import TileSettings

__all__ = ['TileSettings', 'tile_slides']
