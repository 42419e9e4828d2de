"""Write ``viewer/NAME``: a page that opens from the disk, and its pictures."""

import base64
import io
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
from PIL import Image

from cite.apis.page import render_page
from cite.inference.predict.outputs.colours import class_colour, probability_colours
from cite.inference.predict.outputs.tile_table import TileTable

from .pyramid import Pyramid, write_pyramid

_HERE = Path(__file__).parent
_OPENSEADRAGON = _HERE / 'openseadragon'
TOP = 8  # tiles shown for each class
_THUMBNAIL = 112  # pixels


def write_viewer(
    folder: Path,
    reader: Any,
    tiles: TileTable,
    mpp: float,
    summary: dict[str, Any],
    read: Optional[Callable[[int], np.ndarray]] = None,
    missing: Optional[np.ndarray] = None,
) -> None:
    """Write the page of a slide.

    Args:
        folder: of this slide; made.
        reader: the slide, open.
        tiles: its tiles.
        mpp: finest scale that is shown, µm a pixel.
        summary: ``name``, ``predicted`` (a class), ``probabilities`` (K,), ``facts``
            (pairs of name and value) and ``flags`` (sentences).
        read: returns the pixels of a tile by its index, (h, w, 3) uint8.
        missing: left and top of tiles that could not be read, (M, 2).
    """
    folder.mkdir(parents=True)
    lost = np.zeros((0, 2), np.int64) if missing is None else missing
    corners = np.concatenate([tiles.coords, lost])
    boxes = np.hstack([corners, corners + tiles.size])
    pyramid = write_pyramid(reader, folder / 'tiles', mpp / reader.mpp, boxes)
    page = render_page(
        _HERE / 'viewer.html.j2',
        styles=[_HERE / 'viewer.css'],
        scripts=[_OPENSEADRAGON / 'openseadragon.min.js', _HERE / 'viewer.js'],
        data=_data(tiles, pyramid, reader, lost),
        top=_top_tiles(tiles, read),
        classes=_classes(tiles, summary['probabilities']),
        **summary,
    )
    (folder / 'index.html').write_text(page, encoding='utf-8')
    licence = folder / 'openseadragon.LICENSE.txt'
    shutil.copyfile(_OPENSEADRAGON / 'LICENSE.txt', licence)


def _data(tiles: TileTable, pyramid: Pyramid, reader: Any, missing: np.ndarray) -> str:
    """Return what the script needs, JSON that is safe within a page."""
    packed = [np.packbits(level, bitorder='little') for level in pyramid.exists]
    data = {
        'classes': tiles.classes,
        'colours': ['rgb({},{},{})'.format(*c) for c in _palette(tiles)],
        'scale': _encode(probability_colours()),
        'size': tiles.size,
        'mpp': reader.mpp,
        'coords': _encode(tiles.coords.astype('<i4')),
        'probabilities': _encode(tiles.probabilities.astype('<f4')),
        'missing': _encode(missing.astype('<i4')),
        'pyramid': {
            'width': pyramid.width,
            'height': pyramid.height,
            'top': pyramid.top,
            'downsample': pyramid.downsample,
            'columns': [level.shape[1] for level in pyramid.exists],
            'exists': [_encode(bits) for bits in packed],
        },
    }
    # `<` could end the script element that this is in.
    return json.dumps(data).replace('<', '\\u003c')


def _palette(tiles: TileTable) -> list[tuple[int, int, int]]:
    return [class_colour(k) for k in range(len(tiles.classes))]


def _classes(tiles: TileTable, probabilities: Sequence[float]) -> list[dict[str, Any]]:
    return [
        {'name': name, 'colour': '#{:02x}{:02x}{:02x}'.format(*colour), 'share': share}
        for name, colour, share in zip(tiles.classes, _palette(tiles), probabilities)
    ]


def _top_tiles(
    tiles: TileTable, read: Optional[Callable[[int], np.ndarray]]
) -> list[list[dict[str, Any]]]:
    """Return for each class the tiles that the model gives it most surely."""
    best = np.argsort(-tiles.probabilities, 0, kind='stable')[:TOP]  # (≤ TOP, K)
    return [
        [
            {
                'index': int(i),
                'share': float(tiles.probabilities[i, k]),
                'picture': _picture(read(int(i))) if read else None,
            }
            for i in best[:, k]
        ]
        for k in range(len(tiles.classes))
    ]


def _picture(pixels: np.ndarray) -> str:
    stream = io.BytesIO()
    size = (_THUMBNAIL, _THUMBNAIL)
    small = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    small.save(stream, 'JPEG', quality=70)
    return 'data:image/jpeg;base64,' + base64.b64encode(stream.getvalue()).decode()


def _encode(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
