"""A whole slide with a region of each of two grades, and where they were drawn."""

import json
from pathlib import Path
from typing import Any, Union

import cv2
import numpy as np

from cite.core.files.write_whole import write_text_whole, write_whole

from .grades import draw_tissue
from .patches import slide_rng
from .shapes import blobs
from .stain import Stain, stain_tissue, typical_stain

try:
    import tifffile
except ImportError as error:  # an environment of one's own has what cite needs alone
    raise ModuleNotFoundError(
        'tifffile is needed to draw the slide file of the demo: pip install tifffile'
    ) from error

MPP = 0.5  # as of PatchGastric's patches, which the others imitate
WIDTH, HEIGHT = 5400, 3300  # pixels of level 0: 2.7 x 1.65 mm
CENTRES = {'well': (1400, 1650), 'solid': (4000, 1650)}
RADIUS = 1100
LEVELS = (1, 2, 4)
SLIDE = 1_000_000  # its number: the slides of the patches count from 0
# Class of a grade, as the demo's model names it.
CLASSES = {
    'well': 'Well differentiated tubular adenocarcinoma',
    'solid': 'Poorly differentiated adenocarcinoma',
}


def write_slide_file(path: Union[str, Path], seed: int = 0) -> Path:
    """Draw a slide with two pieces of tissue, one of each grade.

    The tissue has the textures of :func:`.patch_gastric.make_patch_gastric`, in the
    stain that its slides scatter around. The outlines that were drawn lie beside
    it as GeoJSON, ``NAME.geojson``, with the class of each piece.

    Args:
        path: file to write, a tiled TIFF of three levels that says its scale.
        seed: seed of all drawing. The same seed gives the same pixels.

    Returns:
        ``path``.
    """
    path, rng = Path(path), slide_rng(seed, SLIDE)
    stain = typical_stain()
    image = np.full((HEIGHT, WIDTH, 3), round(255 * stain.light), np.uint8)
    outlines = {}
    for grade, centre in CENTRES.items():
        outline = blobs(rng, np.array([centre], float), RADIUS, 96)[0]  # (96, 2)
        outlines[grade] = np.clip(np.rint(outline), 0, (WIDTH - 1, HEIGHT - 1))
        _paint(image, outlines[grade].astype(np.int32), grade, stain, rng)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_pyramid(path, image)
    features = [_feature(grade, ring) for grade, ring in outlines.items()]
    regions = {'type': 'FeatureCollection', 'features': features}
    write_text_whole(path.with_suffix('.geojson'), json.dumps(regions) + '\n')
    return path


def _paint(
    image: np.ndarray,
    outline: np.ndarray,
    grade: str,
    stain: Stain,
    rng: np.random.Generator,
) -> None:
    """Fill an outline (N, 2) int32 with tissue of a grade."""
    left, top, width, height = cv2.boundingRect(outline)
    edge = max(width, height)
    dyes = draw_tissue(grade, rng, stain.scale, edge)[:, :height, :width]
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [outline - (left, top)], 1)
    pixels = stain_tissue(dyes, stain, rng)
    area = image[top : top + height, left : left + width]
    area[inside > 0] = pixels[inside > 0]


def _write_pyramid(path: Path, image: np.ndarray) -> None:
    with write_whole(path) as partial, tifffile.TiffWriter(partial) as file:
        for level in LEVELS:
            size = image.shape[1] // level, image.shape[0] // level
            file.write(
                cv2.resize(image, size, interpolation=cv2.INTER_AREA),
                tile=(256, 256),
                photometric='rgb',
                compression='zlib',
                compressionargs={'level': 1},
                resolution=(1e4 / MPP / level,) * 2,
                resolutionunit='CENTIMETER',
                subfiletype=int(level > 1),
                metadata=None,
            )


def _feature(grade: str, outline: np.ndarray) -> dict[str, Any]:
    """Describe a region as QuPath does."""
    ring = [*outline.tolist(), outline[0].tolist()]
    return {
        'type': 'Feature',
        'geometry': {'type': 'Polygon', 'coordinates': [ring]},
        'properties': {
            'objectType': 'annotation',
            'classification': {'name': CLASSES[grade]},
        },
    }
