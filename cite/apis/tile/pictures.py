"""What shows a slide's tissue: mask, outline and thumbnail."""

import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cite.core.files.write_whole import write_text_whole, write_whole
from cite.slides import SlideReader, Tissue
from cite.slides.outline import signed_area

LINE = (0, 160, 60)  # green, which no stain of the tissue is


def write_pictures(
    folder: Path, name: str, reader: SlideReader, tissue: Tissue
) -> None:
    """Write ``masks/NAME.png``, ``outlines/NAME.geojson``, ``thumbnails/NAME.jpg``.

    The outline counts from the scanned area, where the slide has bounds, as QuPath
    does; ``--roi`` reads it the same way.

    Args:
        folder: of the data set.
        name: id of the slide.
        reader: the slide.
        tissue: its tissue.
    """
    write_image(folder / 'masks' / f'{name}.png', tissue.mask.astype(np.uint8) * 255)
    write_image(folder / 'thumbnails' / f'{name}.jpg', outlined(tissue))
    origin = np.array(reader.bounds[:2] if reader.bounds else (0, 0))
    features = [
        {
            'type': 'Feature',
            'geometry': {
                'type': 'Polygon',
                'coordinates': [(ring - origin).tolist() for ring in rings],
            },
            'properties': {'objectType': 'annotation', 'name': 'tissue'},
        }
        for rings in grouped(tissue.polygons())
    ]
    collection = {'type': 'FeatureCollection', 'features': features}
    path = folder / 'outlines' / f'{name}.geojson'
    write_text_whole(path, json.dumps(collection) + '\n')


def write_image(path: Path, pixels: np.ndarray) -> None:
    """Write an image whole; a JPEG keeps the colour of every pixel.

    Raises:
        OSError: it cannot be written.
    """
    with write_whole(path) as partial:
        image = Image.fromarray(pixels)
        if path.suffix == '.png':
            image.save(partial, 'PNG', compress_level=1)
        else:
            image.save(partial, 'JPEG', quality=95, subsampling=0)


def grouped(rings: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Group rings to polygons, an outer ring with the holes that follow it."""
    polygons: list[list[np.ndarray]] = []
    for ring in rings:
        if signed_area(ring) > 0:
            polygons.append([])
        polygons[-1].append(ring)
    return polygons


def outlined(tissue: Tissue) -> np.ndarray:
    """Draw the outline on the thumbnail, (H, W, 3) uint8."""
    pixels = tissue.thumbnail.copy()
    contours, _ = cv2.findContours(
        tissue.mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(pixels, contours, -1, LINE, max(1, max(pixels.shape) // 600))
    return pixels
