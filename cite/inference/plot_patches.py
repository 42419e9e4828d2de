"""Patches with what a model says of each, for a notebook."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cite.core.files.patch_file import read_patch_file

from .image_pipeline import Source

_COLUMNS = 6  # patches in a row


def plot_patches(
    images: Sequence[Source], probabilities: np.ndarray, classes: Sequence[str]
) -> Any:
    """Draw patches, each with its likeliest class and that class's probability.

    Args:
        images: paths, images of PIL's, or (h, w, 3) uint8 arrays, RGB.
        probabilities: of :meth:`.predictor.Predictor.predict_patches`, (N, K).
        classes: names of the K classes.

    Returns:
        A ``matplotlib.figure.Figure``, which a notebook shows.

    Raises:
        ValueError: images, probabilities and classes do not fit each other.
    """
    from matplotlib.figure import Figure

    if not len(images) or probabilities.shape != (len(images), len(classes)):
        raise ValueError(
            f'{len(images)} images, {len(classes)} classes and probabilities of '
            f'{probabilities.shape}: give a row for each image and a column a class.'
        )
    columns = min(_COLUMNS, len(images))
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.9 * columns, 2.3 * rows), layout='constrained')
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image, row in zip(grid.flat, images, probabilities):
        shown = read_patch_file(image) if isinstance(image, (str, Path)) else image
        axes.imshow(np.asarray(shown))
        best = int(row.argmax())
        axes.set_title(f'{classes[best]}\n{row[best]:.2f}', fontsize=9)
    return figure
