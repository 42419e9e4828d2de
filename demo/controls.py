"""Controls of the demo: methods that must not be able to tell the grades of slides."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from cite.apis.predictions import SlidePredictions
from cite.datasets.pipelines.patch import read_patch
from cite.datasets.tables.annotations import (
    Annotation,
    read_annotations,
    write_annotations,
)
from cite.datasets.tables.slide_rule import PREFIX

Paths = Union[str, Path]
CLASSES = 3


class Band(NamedTuple):
    """Range of 95 % of the accuracies that chance alone would give, 0 to 1."""

    low: float
    high: float


def shuffle_labels(ann_file: Paths, out: Paths, seed: int) -> Path:
    """Write an annotation file with shuffled labels, slide by slide.

    The slides of each true class get all labels equally often (or nearly, where their
    number is not a multiple of three), so that the tissue of a slide does not tell its
    label. Each file is shuffled by itself: training and evaluation are independent.

    Args:
        ann_file: the annotation file with the true labels.
        out: the file to write.
        seed: seed of the shuffle.

    Returns:
        ``out``.
    """
    annotations = read_annotations(ann_file, CLASSES)
    labels = {PREFIX(name): label for name, label in annotations}
    slides = np.array(sorted(labels))
    true = np.array([labels[slide] for slide in slides])
    rng = np.random.default_rng(seed)
    dealt = np.empty_like(true)
    for k in range(CLASSES):
        members = np.flatnonzero(true == k)
        deck = (np.arange(len(members)) + rng.integers(CLASSES)) % CLASSES
        dealt[members] = rng.permutation(deck)
    new = dict(zip(slides, dealt.tolist()))
    rows = [Annotation(name, new[PREFIX(name)]) for name, _ in annotations]
    write_annotations({Path(out): rows})
    return Path(out)


def chance_band(
    runs: Sequence[SlidePredictions],
    true_labels: Sequence[np.ndarray],
    draws: int = 10_000,
) -> Band:
    """Return how far from chance the mean slide accuracy of runs may be by accident.

    A permutation test: predictions stay, the shuffled labels are shuffled again among
    the slides of each true class.

    Args:
        runs: predictions of each run with shuffled labels, B slides each.
        true_labels: true classes of these slides, (B,) each.
        draws: number of permutations.

    Returns:
        The 2.5 and 97.5 percentiles of the mean over the runs.
    """
    rng = np.random.default_rng(0)
    means = np.zeros(draws)
    for run, true in zip(runs, true_labels):
        right = np.zeros(draws)
        for k in np.unique(true):
            predicted = run.scores[true == k].argmax(1)  # (M,)
            decks = np.tile(run.labels[true == k], (draws, 1))  # (draws, M)
            right += (rng.permuted(decks, axis=1) == predicted).sum(1)
        means += right / len(true) / len(runs)
    return Band(*np.quantile(means, [0.025, 0.975]).tolist())


def colour_accuracy(train: Paths, val: Paths, folder: Paths) -> float:
    """Classify slides by their mean colour alone: logistic regression.

    Args:
        train: annotation file to fit on.
        val: annotation file to score.
        folder: folder of the patches.

    Returns:
        Slide accuracy, mean over the classes, percent.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(*_mean_colours(train, folder))
    colours, labels = _mean_colours(val, folder)
    return 100 * float(balanced_accuracy_score(labels, model.predict(colours)))


def _mean_colours(ann_file: Paths, folder: Paths) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean red, green and blue of each slide (B, 3), and its label (B,)."""
    colours: dict[str, list[np.ndarray]] = {}
    labels: dict[str, int] = {}
    for name, label in read_annotations(ann_file, CLASSES):
        image = read_patch({'img_info': {'filename': str(Path(folder) / name)}})
        mean = np.asarray(image).mean((0, 1))  # (3,)
        colours.setdefault(PREFIX(name), []).append(mean)
        labels[PREFIX(name)] = label
    slides = sorted(colours)
    means = np.stack([np.mean(colours[slide], axis=0) for slide in slides])
    return means, np.array([labels[slide] for slide in slides])
