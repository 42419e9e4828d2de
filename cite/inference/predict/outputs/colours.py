"""Colours of classes and of probabilities, the same in maps, GeoJSON and viewer."""

import colorsys

import numpy as np

# Okabe and Ito, "Color Universal Design", 2008: told apart by the colour-blind.
_CLASSES = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (240, 228, 66),
)
_GOLDEN = 0.618034  # turns of the hue by which further colours keep their distance


def class_colour(k: int) -> tuple[int, int, int]:
    """Return the red, green and blue of class ``k``, 0 to 255."""
    if k < len(_CLASSES):
        return _CLASSES[k]
    red, green, blue = colorsys.hsv_to_rgb(k * _GOLDEN % 1, 0.75, 0.7)
    return round(255 * red), round(255 * green), round(255 * blue)


def probability_colours() -> np.ndarray:
    """Return the colours of the probabilities 0, 1/255, … 1, (256, 3) uint8."""
    from matplotlib import colormaps

    table = colormaps['viridis'](np.arange(256))[:, :3]
    return np.round(table * 255).astype(np.uint8)
