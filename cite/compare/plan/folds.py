"""Parts of the slides that are tested in turn: every slide is tested once in a draw."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cite.core.messages import count
from cite.datasets.tables.annotations import (
    Annotation,
    read_annotations,
    write_annotations,
)
from cite.datasets.tables.slide_rule import SlideRule

from .config import Comparison

POOL = 'slides.txt'


def write_folds(comparison: Comparison, config: str) -> None:
    """Deal the slides of a comparison into folds, and write their annotation files.

    The slides are those of the training file of all slides and of the test file. Each
    draw deals them anew, a patient's slides into one fold, the classes evenly; then it
    chooses k training slides of each class outside each fold.

    Args:
        comparison: what is compared, with ``folds``.
        config: path of the config, for messages.

    Raises:
        ValueError: there are too few patients or slides for so many folds.
        FileNotFoundError: one of the two annotation files is missing.
    """
    rule = SlideRule(comparison.slide)
    lines: set[tuple[Annotation, str]] = set()
    for path in (comparison.train_file('all', 0), comparison.val_file()):
        part = read_annotations(str(path), len(comparison.classes))
        lines.update(zip(part, rule.of_files([x.filename for x in part], str(path))))
    slides: dict[str, list[Annotation]] = defaultdict(list)
    for line, slide in sorted(lines):
        slides[slide].append(line)
    labels = {slide: of[0].label for slide, of in slides.items()}
    groups = {s: comparison.patients.get(s) or f'slide {s}' for s in slides}
    files = {comparison.fold_folder / POOL: [x for of in slides.values() for x in of]}
    for draw in range(1, comparison.draws + 1):
        fold_of = deal(labels, groups, comparison.folds, f'folds {draw}')
        for fold in range(1, comparison.folds + 1):
            test = [s for s in slides if fold_of[s] == fold]
            rest = [s for s in slides if fold_of[s] != fold]
            _check_classes(comparison, {labels[s] for s in rest}, fold, config)
            chosen = {comparison.val_file(draw, fold): test}
            for shots in comparison.shots:
                path = comparison.train_file(shots, draw, fold)
                chosen[path] = _choose(rest, labels, shots, f'{draw} {fold}')
            for path, names in chosen.items():
                files[path] = sorted(x for name in names for x in slides[name])
    for folder in {path.parent for path in files}:
        folder.mkdir(parents=True, exist_ok=True)
    write_annotations(files)


def deal(
    labels: Mapping[str, int], groups: Mapping[str, str], folds: int, seed: str
) -> dict[str, int]:
    """Deal slides into folds, whole groups at a time, with the classes spread evenly.

    Groups with the most uneven classes go first, each into the fold where it leaves the
    classes' shares the most even, as in scikit-learn's ``StratifiedGroupKFold``; groups
    that are alike go in a random order.

    Args:
        labels: class of each slide.
        groups: patient of each slide.
        folds: number of folds.
        seed: seed of the order.

    Returns:
        The fold of each slide, from 1.

    Raises:
        ValueError: there are fewer groups than folds.
    """
    names = sorted({*groups.values()})
    if len(names) < folds:
        raise ValueError(
            f'folds={folds}, but the slides are of {count(len(names), "patient")} (or '
            'slides, where the patient is unknown): give no more folds than these.'
        )
    random.Random(seed).shuffle(names)
    classes = max(labels.values()) + 1
    counts = np.zeros((len(names), classes))
    place = {name: i for i, name in enumerate(names)}
    for slide, label in labels.items():
        counts[place[groups[slide]], label] += 1
    share = counts / np.maximum(counts.sum(0), 1)  # (G, K)
    order = np.argsort(-counts.std(1), kind='stable')
    filled = np.zeros((folds, classes))
    sizes = np.zeros(folds)
    fold_of = {}
    for g in order:
        costs = []
        for fold in range(folds):
            new = filled.copy()
            new[fold] += share[g]
            costs.append((round(new.std(0).mean(), 12), sizes[fold], fold))
        best = min(costs)[2]
        filled[best] += share[g]
        sizes[best] += counts[g].sum()
        fold_of[names[g]] = best + 1
    return {slide: fold_of[groups[slide]] for slide in labels}


def _choose(
    slides: Sequence[str], labels: Mapping[str, int], shots: object, seed: str
) -> list[str]:
    """Choose k slides of each class; those of a smaller k are among them."""
    if not isinstance(shots, int):
        return [*slides]
    chosen = []
    generator = random.Random(seed)
    for label in sorted({*labels.values()}):
        members = sorted(slide for slide in slides if labels[slide] == label)
        chosen += generator.sample(members, len(members))[:shots]
    return chosen


def _check_classes(
    comparison: Comparison, present: set[int], fold: int, config: str
) -> None:
    for label, name in enumerate(comparison.classes):
        if label not in present:
            raise ValueError(
                f'{config}: folds={comparison.folds} leaves no training slide of the '
                f'class {name!r} in fold {fold}, because its patients are too few. '
                'Give fewer folds.'
            )


def fold_pool(comparison: Comparison) -> Path:
    """Return the annotation file of all slides, for which features are computed."""
    return comparison.fold_folder / POOL
