"""A slide through the model: its tiles' probabilities, and the slide's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
from tqdm import tqdm

from cite.core.workers import fitting_workers

from . import flags
from .outputs.features_h5 import FeaturesFile
from .outputs.tile_table import TileTable
from .slide_result import SlideResult
from .sources import Cut, SlideSource, Source
from .stream import Batch, stream

_SHIFT = 0.5  # of a tile
_FAR = 99  # per cent of training tiles are nearer
_SCALES = (0.95, 1.05)


class Load(NamedTuple):
    """How tiles are loaded; it changes no number."""

    batch_size: int = 64
    workers: int = 0
    bar: bool = False  # show one, if the screen is a terminal


class Scored(NamedTuple):
    """The tiles that were read, in the order of the source."""

    table: TileTable
    missing: list[tuple[int, int, str]]  # left, top, reason
    far: Optional[float]  # share of tiles outside what training tiles cover


def predict_source(
    predictor: Any,
    source: Source,
    load: Load = Load(),  # noqa: B008 (a constant)
    features: Optional[Path] = None,
    stability: bool = False,
) -> SlideResult:
    """Predict a slide.

    Args:
        predictor: the model.
        source: the slide's tiles.
        load: batch size and loading processes.
        features: file for the tiles' features; None to drop them.
        stability: also with the grid moved, and at other scales.

    Raises:
        ValueError: no tile could be read.
    """
    scored = score_tiles(predictor, source, load, features)
    table, missing = scored.table, scored.missing
    shares = slide_probabilities(predictor, table.probabilities)
    slide = source.facts()
    shifted = _shifted(predictor, source, load) if stability else {}
    raised = [
        flags.little_tissue(slide['tissue'].get('area_mm2'), len(table.coords)),
        flags.pale_tissue(source.note()),
        flags.scale_source(slide['slide']['mpp'], slide['slide']['mpp_source']),
        flags.enlarged_tiles(slide['slide']['mpp'], predictor.model.mpp),
        flags.missing_tiles(table.probabilities, len(missing), table.classes),
        flags.unstable(int(shares.argmax()), shifted, table.classes),
        _training_slide(predictor, source, slide['slide']['quickhash']),
        flags.far_features(scored.far),
        flags.uncalibrated(calibration_of(predictor)),
    ]
    return SlideResult(
        source.name,
        table,
        shares,
        missing,
        [flag for flag in raised if flag is not None],
        conformal_set(predictor, table.probabilities),
        source.thumbnail,
        {change: p.tolist() for change, p in shifted.items()},
    )


def _training_slide(
    predictor: Any, source: Source, quickhash: str
) -> Optional[flags.Flag]:
    known = any(predictor.model.knows(name, quickhash) for name in source.ids)
    patient = predictor.model.knows_patient(flags.patient_of(source.name))
    return flags.training_slide(source.name, known, patient)


def score_tiles(
    predictor: Any, source: Source, load: Load, features: Optional[Path] = None
) -> Scored:
    """Score the tiles of a source.

    Raises:
        ValueError: no tile could be read.
    """
    coords = source.coords
    classes = list(predictor.classes)
    probabilities = np.zeros((len(source), len(classes)), np.float32)
    was_read = np.zeros(len(source), bool)
    missing: list[tuple[int, int, str]] = []
    training = predictor.model.training_features
    far = 0
    batch_size, workers = load[:2]
    pipeline = predictor.pipeline
    workers = fitting_workers(workers, batch_size * pipeline.float_bytes)
    ways = (batch_size, workers, pipeline.item_bytes)
    batches = stream(source, predictor.pixels, *ways)
    with FeaturesFile(features) as file:
        for batch in _with_bar(batches, source, load):
            for i, why in batch.faults:
                missing.append((int(coords[i][0]), int(coords[i][1]), why))
            if batch.pixels is None:
                continue
            vectors, scores = predictor.forward(batch.pixels)
            probabilities[batch.indices] = scores
            was_read[batch.indices] = True
            file.append(np.asarray(vectors, np.float32))
            if training is not None:
                far += int(
                    (training.distance(vectors) > training.distances[_FAR]).sum()
                )
        file.finish(coords[was_read], source, predictor.model.digest)
    number = int(was_read.sum())
    if not number:
        reason = missing[0][2] if missing else 'there is none'
        raise ValueError(f'{source.file}: no tile could be read ({reason}).')
    table = TileTable(coords[was_read], source.size, probabilities[was_read], classes)
    return Scored(table, missing, None if training is None else far / number)


def _with_bar(batches: Iterator[Batch], source: Source, load: Load) -> Iterator[Batch]:
    """Show the tiles that were read, their rate and the time left."""
    hidden = None if load.bar else True
    options: Any = {'desc': source.name, 'unit': 'tile', 'leave': False}
    with tqdm(total=len(source), disable=hidden, **options) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch.indices) + len(batch.faults))


def calibration_of(predictor: Any) -> Any:
    """Return the model's calibration, or None; it does not hold for other texts."""
    same = predictor.texts == predictor.model.texts
    return predictor.model.calibration if same else None


def slide_probabilities(predictor: Any, probabilities: np.ndarray) -> np.ndarray:
    """Return a slide's probabilities (K,): the mean of its tiles', calibrated."""
    mean = probabilities.mean(0, dtype=np.float64)
    calibration = calibration_of(predictor)
    return mean if calibration is None else calibration.probabilities(mean[None])[0]


def conformal_set(predictor: Any, probabilities: np.ndarray) -> Optional[list[str]]:
    """Return the classes at the calibration's coverage, or None without one.

    Args:
        predictor: the model.
        probabilities: of the slide's tiles, (N, K).
    """
    calibration = calibration_of(predictor)
    if calibration is None:
        return None
    kept = calibration.sets(probabilities.mean(0, dtype=np.float64)[None])[0]
    return [name for name, keep in zip(predictor.classes, kept) if keep]


def _shifted(predictor: Any, source: Source, load: Load) -> dict[str, np.ndarray]:
    """Return the slide's probabilities with the grid moved, and at other scales."""
    if not isinstance(source, SlideSource):
        return {}
    cut = source.cut
    cuts: dict[str, Cut] = {
        'the grid moved by half a tile': cut._replace(offset=(_SHIFT, _SHIFT)),
        **{
            f'tiles at {s:.0%} of the scale': cut._replace(mpp=cut.mpp * s)
            for s in _SCALES
        },
    }
    results = {}
    for change, other in cuts.items():
        scored = score_tiles(predictor, source.recut(other), load)
        results[change] = slide_probabilities(predictor, scored.table.probabilities)
    return results
