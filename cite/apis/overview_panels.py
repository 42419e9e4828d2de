"""The three panels of the overview."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from .predictions import SlidePredictions

# Source: Okabe and Ito, Color Universal Design, 2008. Colour-blind people can tell
# them apart.
COLOURS = (
    *('#0072B2', '#E69F00', '#009E73', '#CC79A7'),
    *('#56B4E9', '#D55E00', '#F0E442', '#999999'),
)
# Above this number there is no room for names: slides are drawn without gaps.
MAX_NAMED_SLIDES = 80
_GAP = 1.5  # between classes, in bars
_PITCH = 1.06  # from patch to patch, in patches
_LETTERS = 150  # letters of class names that fit side by side
Images = Sequence[Sequence[Any]]


def draw_patches(axes: Sequence[Any], classes: Sequence[str], images: Images) -> None:
    """Draw a row of patches, (H, W, 3) each, for each of the K classes."""
    columns = max(1, max(len(row) for row in images))
    for k, (ax, name, row) in enumerate(zip(axes, classes, images)):
        for i, image in enumerate(row):
            ax.imshow(image, extent=(i * _PITCH, i * _PITCH + 1, 0, 1))
        ax.set(xlim=(0, columns * _PITCH), ylim=(0, 1), aspect='equal', anchor='W')
        ax.set_title(f'{k}: {name}', loc='left', fontsize=10, color=_dark(k))
        ax.axis('off')


def draw_confusion(
    ax: Any, predictions: SlidePredictions, classes: Sequence[str]
) -> None:
    """Draw the confusion matrix of the slides: counts, shaded by the row's share."""
    counts = predictions.confusion()
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ax.imshow(share, cmap='Blues', vmin=0, vmax=1)
    for (true, predicted), count in np.ndenumerate(counts):
        colour = 'white' if share[true, predicted] > 0.6 else 'black'
        text = f'{count}\n{100 * share[true, predicted]:.0f} %'
        ax.text(predicted, true, text, ha='center', va='center', color=colour)
    numbers = range(len(classes))
    ax.set_xticks(numbers, [str(k) for k in numbers])
    ax.set_yticks(numbers, [str(k) for k in numbers])
    ax.set(xlabel='predicted class', ylabel='true class')
    ax.set_title('Slides by true and predicted class', fontsize=12)


def draw_slides(ax: Any, predictions: SlidePredictions, classes: Sequence[str]) -> None:
    """Draw each slide as a bar of its probabilities, by class, the surest first."""
    order, place = _order(predictions)
    named = len(order) <= MAX_NAMED_SLIDES
    scores = predictions.scores[order]
    bottom = np.zeros(len(order))
    # A slide's true class is at the bottom, so that its top edge shows its share.
    for layer in range(len(classes)):
        label = (predictions.labels[order] + layer) % len(classes)
        height = scores[np.arange(len(order)), label]
        colours = [COLOURS[k % len(COLOURS)] for k in label]
        ax.bar(place, height, 0.86 if named else 1.0, bottom, color=colours)
        bottom += height
    wrong = ~predictions.correct[order]
    ax.plot(place[wrong], np.full(wrong.sum(), 1.04), 'kx', ms=5 if named else 2)
    chance = 1 / len(classes)
    ax.axhline(chance, color='black', ls='--', lw=1)
    ax.text(place[-1] + 1, chance, ' chance', va='center', fontsize=9)
    _label_classes(ax, predictions.labels[order], place, classes)
    _label_slides(ax, predictions.slides[order], place, named)


def _order(predictions: SlidePredictions) -> tuple[np.ndarray, np.ndarray]:
    """Sort slides by class and its probability; return order and bars' places."""
    labels, scores = predictions.labels, predictions.scores
    true_scores = scores[np.arange(len(labels)), labels]
    order = np.lexsort((-true_scores, labels))
    width = _GAP * max(1.0, len(order) / MAX_NAMED_SLIDES)
    _, number = np.unique(labels[order], return_inverse=True)
    return order, np.arange(len(order)) + width * number


def _label_classes(
    ax: Any, labels: np.ndarray, place: np.ndarray, classes: Sequence[str]
) -> None:
    for k in np.unique(labels):
        within = place[labels == k]
        share = (np.ptp(within) + 1) / (np.ptp(place) + 1)
        width = int(np.clip(_LETTERS * share, 6, 32))
        name = '\n'.join(wrap(classes[k], width, max_lines=2, placeholder='…'))
        style = {'ha': 'center', 'va': 'bottom', 'fontsize': 9, 'color': _dark(k)}
        ax.text(within.mean(), 1.09, f'{k}: {name} ({len(within)})', **style)


def _label_slides(ax: Any, slides: np.ndarray, place: np.ndarray, named: bool) -> None:
    ax.set(xlim=(place[0] - 1, place[-1] + 1), ylim=(0, 1.24))
    ax.set(yticks=[0, 0.5, 1], ylabel='probability')
    ax.spines[['top', 'right']].set_visible(False)
    ax.spines['left'].set_bounds(0, 1)
    ax.set_title('Slides by their probabilities', fontsize=12)
    if named:
        names = [slide if len(slide) <= 8 else f'{slide[:7]}…' for slide in slides]
        ax.set_xticks(place, names, rotation=90, fontsize=7)
    else:
        ax.set_xticks([])
    ax.set_xlabel(
        'slides, the surest of each class first; the share of the own class is at the '
        'bottom; × marks what is classified wrongly'
    )


def _dark(k: int) -> tuple[float, float, float]:
    """Return a class's colour, dark enough for letters."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(COLOURS[k % len(COLOURS)])
    return 0.65 * red, 0.65 * green, 0.65 * blue
