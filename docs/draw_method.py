"""Draw the figure of the method: docs/images/method.svg.

python docs/draw_method.py
"""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('svg')
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

OUT = Path(__file__).parent / 'images' / 'method.svg'
FROZEN, TRAINED, DATA = '#d9e4ef', '#f6a04d', '#ffffff'
EDGE, INK = '#4a5a6a', '#1d2733'
TEXTS = (
    'Well differentiated …',
    'Moderately differentiated …',
    'Poorly differentiated …',
)


def box(
    axes: Any, x: float, y: float, width: float, height: float, text: str, colour: str
) -> None:
    """Draw a labelled box with its lower left corner at (x, y)."""
    shape = 'round,pad=0,rounding_size=0.12'
    patch = FancyBboxPatch(
        (x, y), width, height, boxstyle=shape, fc=colour, ec=EDGE, lw=1.2
    )
    axes.add_patch(patch)
    middle = x + width / 2, y + height / 2
    axes.text(*middle, text, ha='center', va='center', fontsize=9, color=INK)


def arrow(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow."""
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle='-|>', mutation_scale=13, color=EDGE)
    )


def slide(axes: Any, x: float, y: float) -> None:
    """Draw a piece of tissue under a grid of patches, one of them picked out."""
    angle = np.linspace(0, 2 * np.pi, 90)
    radius = 1 + 0.12 * np.sin(3 * angle) + 0.08 * np.cos(5 * angle)
    tissue = (
        x + 1.0 + 0.82 * radius * np.cos(angle),
        y + 1.1 + 0.9 * radius * np.sin(angle),
    )
    axes.fill(*tissue, fc='#e7b6cf', ec='#b97a9c', lw=1)
    for i, j in np.ndindex(5, 5):
        corner = x + 0.05 + 0.38 * i, y + 0.15 + 0.38 * j
        axes.add_patch(Rectangle(corner, 0.38, 0.38, fill=False, ec='#8d5577', lw=0.6))
    picked = x + 0.05 + 0.38 * 2, y + 0.15 + 0.38 * 3
    axes.add_patch(Rectangle(picked, 0.38, 0.38, fill=False, ec=INK, lw=2.2))


def tokens(axes: Any, x: float, y: float) -> None:
    """Draw the sequence that enters the network: class token, prompt, patch tokens."""
    colours = (FROZEN, TRAINED, *[DATA] * 4)
    names = ('class', 'prompt', '', '', '', '')
    for i, (colour, name) in enumerate(zip(colours, names)):
        corner = x, y + 1.9 - 0.4 * i
        axes.add_patch(Rectangle(corner, 0.32, 0.32, fc=colour, ec=EDGE, lw=1))
        if name:
            axes.text(
                x - 0.1, corner[1] + 0.16, name, ha='right', va='center', fontsize=9
            )
    axes.text(x - 0.1, y + 0.7, 'patch\ntokens', ha='right', va='center', fontsize=9)


def draw() -> None:
    """Draw the figure and write it."""
    plt.rcParams.update({'svg.hashsalt': 'method', 'font.family': 'DejaVu Sans'})
    figure, axes = plt.subplots(figsize=(11.5, 4.7))
    slide(axes, 0.0, 3.0)
    axes.text(1.0, 2.75, 'a slide in patches', ha='center', va='top', fontsize=10)
    arrow(axes, (1.95, 4.5), (2.75, 4.2))
    tokens(axes, 3.35, 3.0)
    arrow(axes, (3.75, 4.1), (4.25, 4.1))
    box(axes, 4.25, 3.2, 1.9, 1.8, 'image\nfoundation\nmodel (ViT)', FROZEN)
    arrow(axes, (6.15, 4.1), (6.75, 4.1))
    box(axes, 6.75, 3.6, 1.3, 1.0, 'projection\n(linear)', TRAINED)
    arrow(axes, (8.05, 4.1), (8.75, 3.1))
    for i, text in enumerate(TEXTS):
        box(axes, 0.0, 1.35 - 0.6 * i, 3.05, 0.45, text, DATA)
        arrow(axes, (3.05, 1.57 - 0.6 * i), (4.25, 0.97))
    axes.text(1.5, 1.9, 'class names, or descriptions', ha='center', fontsize=10)
    box(axes, 4.25, 0.2, 1.9, 1.5, 'biomedical\nlanguage\nmodel', FROZEN)
    arrow(axes, (6.15, 0.97), (8.75, 2.3))
    axes.text(7.75, 1.1, 'one vector per class', ha='center', va='center', fontsize=9)
    box(axes, 8.55, 2.3, 1.5, 0.8, 'cosine\nsimilarity', DATA)
    arrow(axes, (10.05, 2.7), (10.6, 2.7))
    for i, share in enumerate((0.85, 0.35, 0.2)):
        corner = 10.65, 2.9 - 0.3 * i
        axes.add_patch(Rectangle(corner, share, 0.2, fc=EDGE, ec=EDGE))
    axes.text(
        11.1, 3.4, 'probabilities\nof a patch', ha='center', va='bottom', fontsize=9
    )
    axes.text(
        11.1,
        1.95,
        'the slide: mean\nover its patches',
        ha='center',
        va='top',
        fontsize=9,
    )
    for i, (colour, text) in enumerate(
        ((TRAINED, 'trained: some 0.5 M parameters'), (FROZEN, 'frozen'))
    ):
        corner = 8.6, 0.55 - 0.4 * i
        axes.add_patch(Rectangle(corner, 0.3, 0.25, fc=colour, ec=EDGE, lw=1))
        axes.text(9.0, corner[1] + 0.12, text, va='center', fontsize=10)
    axes.set(xlim=(-0.1, 12), ylim=(-0.1, 5.4), aspect='equal')
    axes.axis('off')
    figure.savefig(OUT, bbox_inches='tight', facecolor='white', metadata={'Date': None})


if __name__ == '__main__':
    draw()
