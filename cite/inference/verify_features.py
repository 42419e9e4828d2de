"""Compute others' features again, and name what differs where they do not fit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from cite.apis.import_features.slide_features import SlideFeatures, read_slide_features
from cite.apis.import_features.slide_rows import SlideRow, find_files, read_slide_rows
from cite.core.image_stats import HALF, IMAGENET, OPENAI_CLIP
from cite.core.messages import count
from cite.slides import Grid, open_slide, read_tile
from cite.slides.grid import choose_level

from .image_pipeline import ImagePipeline

# Relative to the features' root mean square. Half precision takes 0.001 and another
# filter of the resizing a few hundredths; another encoder differs by more than 1.
FITS = 0.05
_NORMALISATIONS = {
    'of ImageNet': IMAGENET,
    "of OpenAI's CLIP": OPENAI_CLIP,
    'by mean and std 0.5': HALF,
}
_STEP = 'PatchGastricPipeline'  # the step of images that takes any mean and std


class Sample(NamedTuple):
    """A tile to compute again."""

    row: SlideRow
    slide: Path
    read: SlideFeatures
    tile: int  # its row of the features


class Change(NamedTuple):
    """One thing that may be other than the files say; by default, nothing."""

    says: str = ''
    unit: Optional[str] = None  # of the coordinates
    scale: float = 1.0  # of a tile's edge
    stats: Any = None  # mean and std of the images


class Verified(NamedTuple):
    """How far features are from those computed again."""

    tiles: int
    slides: int
    largest: float  # difference
    rms: float  # of the differences
    relative: float  # rms of the differences to that of the features
    differs: str  # what does; '' if nothing

    def __str__(self) -> str:
        return (
            f'{count(self.tiles, "tile")} of {count(self.slides, "slide")} computed '
            f'again: largest difference {self.largest:.3g}, rms {self.rms:.3g}, '
            f"{self.relative:.1%} of the features' own: {self.differs or 'they fit'}."
        )


def verify_features(
    folder: Union[str, Path],
    table: Union[str, Path],
    predictor: Any,
    number: int,
    seed: int = 0,
) -> Verified:
    """Compute some tiles of the slides that are at hand again.

    Args:
        folder: the package's output, as ``import_features`` takes it.
        table: slides, with the column ``file`` as ``cite tile`` writes it.
        predictor: the ``Predictor`` of a model folder with the same encoder.
        number: of tiles.
        seed: of their choice.

    Raises:
        FileNotFoundError: a file of features is missing, or all slides are.
        ValueError: a faulty file, or features of another width.
    """
    if number < 1:
        raise ValueError(f'--verify {number}: give 1 or more.')
    folder, table = Path(folder).expanduser(), Path(table).expanduser()
    samples = _draw(folder, table, number, seed)
    stored = np.stack([s.read.features[s.tile] for s in samples]).astype(np.float64)
    stated = _differences(stored, samples, predictor, Change())
    size = float(np.sqrt((stored**2).mean())) or 1.0
    differs = ''
    if _rms(stated) > FITS * size:
        differs = _what_differs(stored, samples, predictor, FITS * size)
    slides, rms = len({sample.slide for sample in samples}), _rms(stated)
    largest = float(np.abs(stated).max())
    return Verified(len(samples), slides, largest, rms, rms / size, differs)


def _draw(folder: Path, table: Path, number: int, seed: int) -> list[Sample]:
    """Draw tiles evenly from the slides that are at hand."""
    rows = read_slide_rows(table)
    at_hand = [
        (row, slide, file)
        for row, file in zip(rows, find_files(folder, rows))
        for slide in _slide_of(row, table)
    ]
    if not at_hand:
        raise FileNotFoundError(
            f'{table}: --verify needs a slide, and no file of the column file is here.'
        )
    rng, samples = np.random.default_rng(seed), []
    order = rng.permutation(len(at_hand))[:number]
    for place, i in enumerate(sorted(order)):
        row, slide, file = at_hand[i]
        read = read_slide_features(file)
        if read.coords is None:
            raise ValueError(f'{file}: --verify needs coordinates, which it lacks.')
        share = len(range(place, number, len(order)))
        tiles = rng.permutation(len(read.features))[:share]
        samples += [Sample(row, slide, read, int(tile)) for tile in sorted(tiles)]
    return samples


def _slide_of(row: SlideRow, table: Path) -> Iterator[Path]:
    """Yield a slide's file if it is at hand."""
    if row.file:
        paths = Path(row.file).expanduser(), table.parent / row.file
        yield from [path for path in paths if path.is_file()][:1]


def _what_differs(
    stored: np.ndarray, samples: list[Sample], predictor: Any, limit: float
) -> str:
    """Name the one change with which the features fit, or else the encoder."""
    for change in _changes(samples[0].read.unit, predictor.model.config['image']):
        if _rms(_differences(stored, samples, predictor, change)) <= limit:
            return f'{change.says}; with that they fit'
    return (
        'the encoder differs, or its weights: no other unit, scale or normalisation '
        'makes them fit'
    )


def _changes(unit: str, image: Any) -> Iterator[Change]:
    other = {'um': 'pixels', 'pixels': 'um'}[unit]
    words = {'um': 'microns', 'pixels': 'pixels of level 0'}[other]
    yield Change(f'the unit differs: coordinates are {words}', unit=other)
    text = "the unit differs: coordinates are pixels of the tiles' scale"
    yield Change(text, unit='tile')
    for scale in (0.5, 2.0):
        text = f'the mpp differs: a tile is {scale:g} times as wide as stated'
        yield Change(text, scale=scale)
    for name, stats in _NORMALISATIONS.items():
        if 'mean' in image and not np.allclose(image['mean'], stats.mean, atol=1e-3):
            yield Change(f'the normalisation differs: it is that {name}', stats=stats)


def _differences(
    stored: np.ndarray, samples: list[Sample], predictor: Any, change: Change
) -> np.ndarray:
    """Return stored features (N, D) minus those of tiles that are read again."""
    tiles = [_tile(sample, predictor.model, change) for sample in samples]
    pipeline, image = predictor.pipeline, predictor.model.config['image']
    if change.stats is not None:
        other = {'mean': list(change.stats.mean), 'std': list(change.stats.std)}
        predictor.pipeline = ImagePipeline({**image, **other, 'step': _STEP})
    try:
        features = predictor.embed_images(tiles)
    finally:
        predictor.pipeline = pipeline
    if features.shape != stored.shape:
        raise ValueError(
            f'the encoder differs: the features are {stored.shape[1]} wide, those of '
            f'{predictor.model.folder} {features.shape[1]}.'
        )
    return stored - features


def _tile(sample: Sample, model: Any, change: Change) -> np.ndarray:
    """Read a tile, (P, P, 3) uint8, in pixels of the model's scale."""
    read = sample.read
    assert read.coords is not None
    with open_slide(sample.slide, sample.row.mpp) as slide:
        edge = read.tile_size or model.patch_pixels * model.mpp  # µm, if it is unknown
        is_pixels = read.tile_size is not None and read.unit == 'pixels'
        microns = edge * slide.mpp if is_pixels else edge
        factors = {'pixels': 1.0, 'um': 1 / slide.mpp, 'tile': model.mpp / slide.mpp}
        x, y = np.rint(read.coords[sample.tile] * factors[change.unit or read.unit])
        size = max(1, round(microns * change.scale / slide.mpp))
        pixels = max(1, round(microns / model.mpp))
        mpp = model.mpp * change.scale
        level = choose_level(slide, mpp)
        corner = np.array([[x], [y]], np.int64)  # (2, 1)
        grid = Grid(corner[0], corner[1], size, pixels, mpp, level)
        return read_tile(slide, grid, 0)


def _rms(differences: np.ndarray) -> float:
    return float(np.sqrt((differences**2).mean()))
