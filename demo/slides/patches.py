"""Patches of a slide: its tissue in its stain."""

from pathlib import Path

import cv2
import numpy as np

from .grades import draw_tissue
from .stain import Stain, draw_stain, stain_tissue

JPEG_QUALITY = 90


def slide_rng(seed: int, slide: int) -> np.random.Generator:
    """Return the random number generator of a slide."""
    return np.random.default_rng([seed, slide])


def draw_patch(
    grade: str, stain: Stain, seed: int, slide: int, patch: int
) -> np.ndarray:
    """Draw a patch; it depends only on the arguments.

    Args:
        grade: ``'well'``, ``'moderately'``, ``'non-solid'`` or ``'solid'``.
        stain: look of the slide, from :func:`.stain.draw_stain`.
        seed: seed of the data set.
        slide: number of the slide.
        patch: number of the patch in the slide.

    Returns:
        (300, 300, 3) uint8, red green blue.
    """
    rng = np.random.default_rng([seed, slide, patch])
    return stain_tissue(draw_tissue(grade, rng, stain.scale), stain, rng)


def write_slide(folder: Path, grade: str, seed: int, slide: int, patches: int) -> str:
    """Draw the patches of a slide into ``{slide id}_{hash}.jpg``.

    Args:
        folder: folder to write to.
        grade: grade of the slide, as for :func:`draw_patch`.
        seed: seed of the data set.
        slide: number of the slide.
        patches: number of patches.

    Returns:
        The slide's id.
    """
    rng = slide_rng(seed, slide)
    slide_id = rng.bytes(16).hex()
    stain = draw_stain(rng)
    for patch in range(patches):
        write_jpeg(
            folder / f'{slide_id}_{rng.bytes(6).hex()}.jpg',
            draw_patch(grade, stain, seed, slide, patch),
        )
    return slide_id


def write_jpeg(path: Path, image: np.ndarray) -> None:
    """Write an image (H, W, 3) uint8, red green blue."""
    bgr = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    path.write_bytes(data.tobytes())
