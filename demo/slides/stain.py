"""The look of a slide, independent of its grade: dyes, light and magnification."""

from dataclasses import dataclass

import numpy as np

# Optical density of the pure dyes in red, green and blue.
# Source: Ruifrok and Johnston, Anal. Quant. Cytol. Histol. 23, 2001.
HAEMATOXYLIN = (0.65, 0.70, 0.29)
EOSIN = (0.07, 0.99, 0.11)
AMOUNT = (0.42, 0.38)  # of each at concentration 1


@dataclass(frozen=True)
class Stain:
    """The look of one slide.

    Args:
        dyes: optical density of haematoxylin and eosin at concentration 1, (2, 3).
        light: brightness of empty glass, 0 to 1.
        scale: magnification.
    """

    dyes: np.ndarray
    light: float
    scale: float


def typical_stain() -> Stain:
    """Return the look that those of :func:`draw_stain` scatter around."""
    dyes = np.array([HAEMATOXYLIN, EOSIN])
    dyes = dyes / np.linalg.norm(dyes, axis=1, keepdims=True)
    return Stain(dyes * np.array(AMOUNT)[:, None], light=0.925, scale=1.0)


def draw_stain(rng: np.random.Generator) -> Stain:
    """Draw a slide's look without its grade, so that colour does not tell the grade."""
    dyes = np.array([HAEMATOXYLIN, EOSIN]) + rng.normal(0, 0.08, (2, 3))
    dyes = np.clip(dyes, 0.02, None)
    dyes /= np.linalg.norm(dyes, axis=1, keepdims=True)
    amount = np.array(AMOUNT) * np.exp(rng.normal(0, 0.28, 2))
    return Stain(
        dyes * amount[:, None], light=rng.uniform(0.85, 1), scale=rng.uniform(0.85, 1.2)
    )


def stain_tissue(
    dyes: np.ndarray, stain: Stain, rng: np.random.Generator
) -> np.ndarray:
    """Turn concentrations into an image by the law of Beer and Lambert.

    Args:
        dyes: concentrations of haematoxylin and eosin, (2, H, W).
        stain: the slide's look.
        rng: draws the patch's thickness and the camera's noise.

    Returns:
        (H, W, 3) uint8, red green blue.
    """
    thickness = np.exp(rng.normal(0, 0.06))
    amount = np.float32(thickness * stain.dyes)  # (2, 3)
    density = np.tensordot(dyes, amount, axes=(0, 0))  # (H, W, 3)
    image = 255 * np.float32(stain.light) * np.exp(-density)
    noise = rng.standard_normal(image.shape[:2], dtype=np.float32)
    image += 2.5 * noise[..., None]
    return np.clip(np.round(image), 0, 255).astype(np.uint8)
