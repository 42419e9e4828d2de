"""One picture of an evaluation: patches, slides with probabilities, confusion."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np

from cite.core.files.patch_file import UnreadablePatchError, read_patch_file
from cite.core.files.write_whole import write_whole
from cite.datasets.tables.annotations import Annotation, read_annotations
from cite.datasets.tables.slide_rule import PREFIX, SlideRule

from .overview_panels import draw_confusion, draw_patches, draw_slides
from .predictions import SlidePredictions


def draw_overview(
    predictions: SlidePredictions,
    classes: Sequence[str],
    patches: Sequence[Sequence[Union[str, Path]]],
    path: Union[str, Path],
    title: Optional[str] = None,
) -> Path:
    """Draw patches of each class, every slide's probabilities and the confusion matrix.

    Args:
        predictions: predictions for the slides, from
            :func:`.predictions.read_predictions`.
        classes: names of the K classes.
        patches: image files of each class, from :func:`choose_patches`. A damaged one
            is left out with a warning.
        path: the PNG file to write.
        title: first line of the picture.

    Returns:
        ``path``.

    Raises:
        ValueError: names, patches and scores disagree on the number of classes.
        FileNotFoundError: a patch is missing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    path = Path(path)
    if not len(classes) == len(patches) == predictions.scores.shape[1]:
        raise ValueError(
            f'{len(classes)} class names, patches of {len(patches)} classes and scores '
            f'of {predictions.scores.shape[1]}: these three must be equal.'
        )
    # Not pyplot: it holds global state and may open a window.
    rows = 1.5 * len(classes)  # inches
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
    figure = Figure(figsize=(13, 5.2 + rows), layout=layout)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, height_ratios=(rows, 4), width_ratios=(1.75, 1))
    strips = grid[0, 0].subgridspec(len(classes), 1)
    axes = [figure.add_subplot(strips[k]) for k in range(len(classes))]
    draw_patches(axes, classes, [_read_images(row) for row in patches])
    draw_confusion(figure.add_subplot(grid[0, 1]), predictions, classes)
    draw_slides(figure.add_subplot(grid[1, :]), predictions, classes)
    figure.suptitle(title or _title(predictions), fontsize=14, fontweight='bold')
    with write_whole(path) as partial:
        figure.savefig(partial, dpi=110, format=path.suffix[1:] or 'png')
    return path


def choose_patches(
    ann_file: Union[str, Path],
    data_prefix: Union[str, Path],
    num_classes: int,
    count: int = 6,
    rule: SlideRule = PREFIX,
) -> list[list[Path]]:
    """Choose patches of each class from slides spread over the annotation file.

    Args:
        ann_file: the annotation file.
        data_prefix: folder of the patches.
        num_classes: K.
        count: patches per class; fewer where a class has fewer slides.
        rule: which slide a patch belongs to.

    Returns:
        K lists of image files, each from as many slides.
    """
    first: list[dict[str, Annotation]] = [{} for _ in range(num_classes)]
    for annotation in read_annotations(ann_file, num_classes):
        first[annotation.label].setdefault(rule(annotation.filename), annotation)
    chosen = []
    for slides in first:
        names = [annotation.filename for annotation in slides.values()]
        places = np.linspace(0, len(names) - 1, min(count, len(names)))
        chosen.append([Path(data_prefix) / names[round(p)] for p in places.tolist()])
    return chosen


def _read_images(paths: Sequence[Union[str, Path]]) -> list[np.ndarray]:
    """Return small pictures, (150, 150, 3); damaged ones only cause a warning."""
    images = []
    for path in paths:
        try:
            image = read_patch_file(path)
        except UnreadablePatchError as error:
            warnings.warn(f'{error} It is left out of the picture.', stacklevel=2)
        else:
            images.append(np.asarray(image.resize((150, 150))))
    return images


def _title(predictions: SlidePredictions) -> str:
    mean = 100 * np.nanmean(predictions.class_accuracies())
    slides = len(predictions.labels)
    return f'{slides} slides: {mean:.1f} % slide accuracy, mean over the classes'
