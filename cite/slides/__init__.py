"""Whole slides: reading them, finding tissue, cutting tiles. Knows ``core`` alone."""

from .find_slides import SlideFile, find_slides, open_slide, slide_id
from .grid import Grid, make_grid
from .reader import SlideReader
from .roi import tissue_from_geojson
from .tiles import TileError, read_tile
from .tissue import Tissue, find_tissue

__all__ = [
    'Grid',
    'SlideFile',
    'SlideReader',
    'TileError',
    'Tissue',
    'find_slides',
    'find_tissue',
    'make_grid',
    'open_slide',
    'read_tile',
    'slide_id',
    'tissue_from_geojson',
]
