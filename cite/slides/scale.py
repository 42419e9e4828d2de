"""Microns per pixel of a slide, from its properties."""

import html
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Optional

from cite.core.files.patch_file import SUFFIXES

# A 72 dpi TIFF says 352.8; scanners reach about 0.1, overviews about 8.
PLAUSIBLE = (0.05, 10.0)
ANISOTROPY = 0.02  # share by which the two axes may differ

# Slides are TIFFs, too.
_PICTURES = tuple(ending for ending in SUFFIXES if not ending.startswith('.tif'))
_NUMBER = r'([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)'
_APERIO = re.compile(rf'\bMPP\s*=\s*{_NUMBER}')
# The first image is the slide, later ones are its label, macro and the like.
_OME = re.compile(r'<(?:\w+:)?Pixels\b[^<>]*>')
_OME_SIZE = re.compile(rf'PhysicalSize([XY])=["\']{_NUMBER}["\']')
_OME_UNIT = re.compile(r'PhysicalSize([XY])Unit=["\']([^"\']*)["\']')
_MICRONS = {'µm': 1.0, 'μm': 1.0, 'um': 1.0, 'nm': 1e-3, 'mm': 1e3, 'cm': 1e4}
_PER_UNIT = {'inch': 25400.0, 'centimeter': 10000.0, '2': 25400.0, '3': 10000.0}


def check_mpp(mpp: float, where: str) -> float:
    """Return microns per pixel that a user gave, or raise a ``ValueError``."""
    if not 0 < mpp <= PLAUSIBLE[1]:  # 20 and 40 are magnifications
        raise ValueError(
            f'{where}: mpp={mpp}: microns per pixel are above 0 and at most '
            f'{PLAUSIBLE[1]:g}, about 0.25 for a 40x scan and 0.5 for a 20x scan.'
        )
    return float(mpp)


def find_mpp(properties: Mapping[str, str], path: str) -> tuple[float, str]:
    """Find microns per pixel of level 0, and what said so.

    Sources in this order: OpenSlide's own, the vendor's text, the TIFF's resolution.
    The nominal magnification is never one: "20x" spans 0.23 to 0.55.

    Args:
        properties: the slide's properties, named as OpenSlide names them.
        path: file, for the message.

    Raises:
        ValueError: no plausible number, or one for each axis that differ.
    """
    seen = []
    for source, mpp_x, mpp_y in _candidates(properties):
        if not all(PLAUSIBLE[0] <= mpp <= PLAUSIBLE[1] for mpp in (mpp_x, mpp_y)):
            seen.append(f'{source} says {mpp_x:.4g}')
            continue
        if abs(mpp_x - mpp_y) > ANISOTROPY * min(mpp_x, mpp_y):
            raise ValueError(
                f'{path}: pixels are {mpp_x:.4g} microns wide and {mpp_y:.4g} high '
                f'({source}). Tiles are square: give one number with --mpp, or in a '
                'table with the columns slide,mpp.'
            )
        return (mpp_x + mpp_y) / 2, source
    implausible = f' ({"; ".join(seen)}, which no scanner has)' if seen else ''
    is_picture = path.lower().endswith(_PICTURES)
    patch = ' If it is a patch of a slide, name it {slide}_{x}_{y}.png.'
    raise ValueError(
        f'{path}: the file does not say how many microns a pixel is{implausible}. Give '
        '--mpp, a number or a table with the columns slide,mpp.'
        f'{patch if is_picture else ""}'
    )


def _candidates(properties: Mapping[str, str]) -> Iterator[tuple[str, float, float]]:
    """Yield source and microns per pixel in x and y."""
    mpp_x = _number(properties.get('openslide.mpp-x'))
    mpp_y = _number(properties.get('openslide.mpp-y'))
    if mpp_x is not None or mpp_y is not None:
        yield 'openslide', mpp_x or mpp_y or 0.0, mpp_y or mpp_x or 0.0
    text = properties.get('tiff.ImageDescription', '')
    named = _number(properties.get('aperio.MPP'))
    match = _APERIO.search(text)
    if named is None and match:
        named = float(match.group(1))
    if named is not None:
        yield 'vendor text', named, named
    sizes = _ome_sizes(text)
    if sizes:
        first = next(iter(sizes.values()))
        yield 'vendor text', sizes.get('X', first), sizes.get('Y', first)
    per_unit = _PER_UNIT.get(properties.get('tiff.ResolutionUnit', '').lower())
    pixels_x = _number(properties.get('tiff.XResolution'))
    pixels_y = _number(properties.get('tiff.YResolution'))
    if per_unit and pixels_x and pixels_y:
        yield 'TIFF resolution', per_unit / pixels_x, per_unit / pixels_y


def _ome_sizes(text: str) -> dict[str, float]:
    """Return the microns per pixel of OME-XML by axis, of units that are lengths."""
    match = _OME.search(text)
    pixels = html.unescape(match.group()) if match else ''
    with suppress(UnicodeError):  # Pillow reads a tag's UTF-8 as Latin-1
        pixels = pixels.encode('latin-1').decode()
    units = dict(_OME_UNIT.findall(pixels))
    factors = {axis: _MICRONS.get(units.get(axis, 'µm')) for axis in 'XY'}
    return {
        axis: float(size) * factor
        for axis, size in _OME_SIZE.findall(pixels)
        if (factor := factors[axis]) is not None
    }


def _number(text: Optional[str]) -> Optional[float]:
    """Read a number; a comma may be its decimal sign. None for anything else."""
    try:
        value = float((text or '').replace(',', '.'))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
