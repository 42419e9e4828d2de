"""Score stored features with other texts of the classes, and say what moved."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cite.core.files.write_whole import write_whole

from .manifest import read_manifests
from .outputs.features_h5 import read_features
from .outputs.slides_csv import write_slides_csv
from .outputs.tile_table import TileTable, read_tile_csv, write_tile_csv
from .predict_slide import conformal_set, slide_probabilities


class Moved(NamedTuple):
    """What other texts change on a slide."""

    name: str
    before: str  # likeliest class
    after: str
    probability: float  # of ``after``
    tiles: int
    moved_tiles: int  # whose likeliest class is another

    def __str__(self) -> str:
        change = (
            f'{self.before} → {self.after}' if self.moved else f'{self.after} still'
        )
        return (
            f'{self.name}: {change} ({self.probability:.3f}), '
            f'{self.moved_tiles} of {self.tiles} tiles moved'
        )

    @property
    def moved(self) -> bool:
        """Whether the slide has another class."""
        return self.before != self.after


def reword(predictor: Any, out: Path, label: str) -> list[Moved]:
    """Score the features of an earlier run with the predictor's texts.

    Writes ``texts/{label}/slides.csv`` and ``texts/{label}/tiles/NAME.csv`` in the
    folder of answers; its other files stay as they are.

    Args:
        predictor: the model with the new texts.
        out: folder of answers, made with ``--features``.
        label: name of the folder for the new scores.

    Raises:
        FileNotFoundError: there are no features.
        ValueError: they are another model's.
    """
    goal = out / 'texts' / label
    moved, manifests = [], []
    for manifest in _with_features(out):
        old, new = _rescore(predictor, out, manifest)
        with write_whole(goal / 'tiles' / f'{manifest["id"]}.csv') as partial:
            write_tile_csv(partial, new)
        manifests.append(_changed(manifest, predictor, new))
        moved.append(_moved(manifest, manifests[-1]['answer'], old, new))
    write_slides_csv(goal / 'slides.csv', manifests, {}, list(predictor.classes))
    return moved


def _moved(
    manifest: Mapping[str, Any],
    answer: Mapping[str, Any],
    old: TileTable,
    new: TileTable,
) -> Moved:
    names = [np.array(table.classes)[table.predicted] for table in (old, new)]
    return Moved(
        manifest['id'],
        manifest['answer']['predicted'],
        answer['predicted'],
        answer['probabilities'][answer['predicted']],
        len(new.coords),
        int((names[0] != names[1]).sum()),
    )


def _with_features(out: Path) -> Iterator[dict[str, Any]]:
    manifests = list(read_manifests(out))
    kept = [m for m in manifests if f'features/{m["id"]}.h5' in m['files']]
    if not kept:
        raise FileNotFoundError(
            f'{out}: no features of an earlier run. Run `cite predict SLIDES --model '
            f'… --out {out} --features` once; then texts can be changed in seconds.'
        )
    yield from kept


def _rescore(
    predictor: Any, out: Path, manifest: Mapping[str, Any]
) -> tuple[TileTable, TileTable]:
    name = manifest['id']
    path = out / 'features' / f'{name}.h5'
    stored = read_features(path)
    if stored.encoder != predictor.model.digest:
        raise ValueError(
            f'{path}: these features are those of another model (digest '
            f'{stored.encoder[:12]}, not {predictor.model.digest[:12]}).'
        )
    scores = np.asarray(predictor.score(stored.features), np.float32)
    new = TileTable(stored.coords, stored.size, scores, list(predictor.classes))
    classes = manifest['model']['classes']
    return read_tile_csv(out / 'tiles' / f'{name}.csv', classes), new


def _changed(
    manifest: Mapping[str, Any], predictor: Any, new: TileTable
) -> dict[str, Any]:
    classes = new.classes
    shares = slide_probabilities(predictor, new.probabilities)
    answer = {
        **manifest['answer'],
        'predicted': classes[int(shares.argmax())],
        'probabilities': dict(zip(classes, shares.tolist())),
        'set': conformal_set(predictor, new.probabilities),
    }
    # The other flags speak of the answer with the old texts.
    kept = (
        *('little tissue', 'mpp overridden', 'mpp guessed', 'enlarged'),
        'uncalibrated',
    )
    flags = [flag for flag in manifest['flags'] if flag['key'] in kept]
    return {**manifest, 'answer': answer, 'flags': flags}
