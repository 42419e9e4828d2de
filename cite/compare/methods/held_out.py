"""Training slides scored by models that did not see their patient."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Callable, NamedTuple, Optional

import numpy as np

from cite.core.evaluation.scores import bag_scores
from cite.datasets.tables.annotations import Annotation, write_annotations

from .job import JobInputs
from .scores import Lines, Scores, read_lines
from .workspace import Workspace

#: With more patients than this, they are left out in so many parts, not one by one.
PARTS = 10
Run = Callable[[JobInputs, Workspace], Scores]


class HeldOut(NamedTuple):
    """Training slides and what models trained without them say."""

    scores: np.ndarray  # (B, K)
    labels: np.ndarray  # (B,)
    groups: np.ndarray  # (B,) patient, or the slide where that is unknown


def hold_out(inputs: JobInputs, workspace: Workspace, run: Run) -> Optional[HeldOut]:
    """Score each training slide by a model that was trained without its patient.

    One patient is left out at a time (a slide where the patient is not known), or one
    of ten parts of them if there are more than ten.

    Args:
        inputs: inputs of the job. Test slides play no part.
        workspace: where the method works.
        run: the method.

    Returns:
        None if the others lack a class, as with one training slide of each.
    """
    classes = len(inputs.classes)
    lines = read_lines(inputs.files['train'], classes, inputs.slide)
    groups = np.array([inputs.patients.get(s) or f'slide {s}' for s in lines.slides])
    parts = _parts(groups)
    if any(len(np.unique(lines.labels[~part])) < classes for part in parts):
        return None
    held = [_hold(inputs, workspace, run, lines, part) for part in parts]
    scores, labels, names = (np.concatenate(columns) for columns in zip(*held))
    of_slide = dict(zip(lines.slides, groups))
    return HeldOut(scores, labels, np.array([of_slide[name] for name in names]))


def _parts(groups: np.ndarray) -> list[np.ndarray]:
    """Return which lines are left out at a time, (N,) bool each."""
    names = sorted({*groups.tolist()})
    random.Random(0).shuffle(names)
    return [np.isin(groups, names[i::PARTS]) for i in range(min(PARTS, len(names)))]


def _hold(
    inputs: JobInputs, workspace: Workspace, run: Run, lines: Lines, part: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
    """Train without a part of the lines, and score its slides."""
    place = replace(
        workspace,
        folder=folder_of(workspace),
        feature_folder=workspace.features,
    )
    place.folder.mkdir(exist_ok=True)
    pool = inputs.files.get('pool', inputs.files['train'])
    files = {'pool': pool, 'val_pool': pool}
    written = {}
    for name, rows in (('train', ~part), ('val', part)):
        path = place.folder / f'{name}.txt'
        files[name] = str(path)
        written[path] = [
            Annotation(lines.files[i], int(lines.labels[i]))
            for i in np.flatnonzero(rows)
        ]
    write_annotations(written)
    scores = run(replace(inputs, files=files), place)
    return _of_slides(
        scores, read_lines(files['val'], len(inputs.classes), inputs.slide)
    )


def _of_slides(
    scores: Scores, lines: Lines
) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
    patches = np.zeros((len(lines.files), 1))
    if scores.patches is not None:
        patches = scores.patches
    means, labels, names = bag_scores(patches, lines.labels, lines.slides)
    return (means if scores.slides is None else scores.slides), labels, [*names]


def slide_nll(held: HeldOut) -> np.ndarray:
    """Return the negative log-likelihood of each patient, the mean of its slides."""
    true_class = held.scores[np.arange(len(held.labels)), held.labels]
    nats = -np.log(np.clip(true_class, 1e-12, None))
    _, place = np.unique(held.groups, return_inverse=True)
    return np.bincount(place, nats) / np.bincount(place)


def folder_of(workspace: Workspace) -> Path:
    """Return the folder of the models that are trained without some patients."""
    return workspace.folder / 'held_out'
