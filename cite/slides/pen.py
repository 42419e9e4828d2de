"""Ink of pens on the glass."""

import cv2
import numpy as np

SEED = 0.5  # share of ink in a pixel's neighbourhood from which it belongs to a stroke
NEAR = 5  # pixels of that neighbourhood's edge
SPOT = 300  # pixels, 0.02 mm²: less is blood or dirt; the dot of a pen has 0.1 mm²
CERTAIN = 0.25  # share of all red that is saturated, where a pen drew it
GAP = 21  # pixels of a gap that tissue under the ink leaves, which are ink too
REACH = 24  # pixels by which a stroke's blurred margin is followed


def find_pen(pixels: np.ndarray) -> np.ndarray:
    """Find ink by its colour, which haematoxylin, eosin and DAB do not have.

    Green and blue ink are the colours with more green than red; red ink is saturated
    beyond eosin; black ink is dark without colour. A stroke is where most of the
    neighbourhood is ink; its margin is followed as far as the colour leans to it.

    Args:
        pixels: (H, W, 3) uint8 at about 8 microns a pixel.

    Returns:
        (H, W) bool.
    """
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1.0)
    pen = np.zeros(pixels.shape[:2], bool)
    for strong, weak in (_cold(smooth), _red(smooth), _black(smooth)):
        share = cv2.blur(strong.astype(np.float32), (NEAR, NEAR))
        seeds = strong & (share >= SEED)
        if _is_drawn(seeds):
            pen |= _follow(seeds, weak | strong)
    return pen


def _cold(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tell where green or blue ink is for certain, and where perhaps."""
    red, green, blue = _channels(pixels)
    colour = pixels.max(2).astype(np.float32) - pixels.min(2)
    lean = green - red
    bright = np.maximum(green, blue)
    return (lean > 0.12 * bright) & (colour > 25), (lean > -0.08 * bright) & (
        colour > 8
    )


def _red(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    red, green, blue = _channels(pixels)
    other = np.maximum(green, blue)
    balanced = np.abs(green - blue) < 0.15 * red
    strong = (other < 0.3 * red) & balanced & (red > 60)
    pale = strong | (other < 0.8 * red) & (np.abs(green - blue) < 0.12 * red)
    # Else it is reddish eosin around some blood, or beside a stroke.
    if _is_drawn(strong) and strong.sum() > CERTAIN * pale.sum():
        strong = pale
    return strong, (other < 0.93 * red) & (blue - green < 0.1 * red) & (red > 40)


def _black(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    bright = pixels.max(2).astype(np.float32)
    colour = bright - pixels.min(2)
    return (bright < 70) & (colour < 20), (bright < 140) & (colour < 20)


def _channels(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    red, green, blue = np.moveaxis(pixels.astype(np.float32), 2, 0)
    return red, green, blue


def _is_drawn(mask: np.ndarray) -> bool:
    """Tell whether a piece of a mask is as large as the touch of a pen."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    smallest = min(SPOT, mask.size / 20)  # on the core of a microarray
    return bool((stats[1:, cv2.CC_STAT_AREA] >= smallest).any())  # 0: the background


def _follow(seeds: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Grow seeds within what is allowed, at most ``REACH`` pixels far."""
    grown = seeds.astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    for _ in range(REACH if seeds.any() else 0):
        grown = cv2.dilate(grown, kernel) & (allowed | seeds).astype(np.uint8)
    return cv2.morphologyEx(grown, cv2.MORPH_CLOSE, np.ones((GAP, GAP), np.uint8)) > 0
