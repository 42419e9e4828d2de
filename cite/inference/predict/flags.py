"""What a reader of an answer has to know before relying on it, each with its figure."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from cite.core.messages import count

# Below these, one tile or one fold decides: a square millimetre is a fortieth of the
# tissue on a common section.
LITTLE_MM2 = 1.0
FEW_TILES = 10
# Share of a slide's tiles that may lie outside what 99 % of training tiles do.
FAR_SHARE = 0.10
FINEST = 0.8  # of the scan's µm a pixel; `cite tile` notes the same
# Sources of the scale that say what the scanner says.
_SURE = ('openslide',)
_TCGA = re.compile(r'TCGA-\w{2}-\w{4}(?=-|$)')


class Flag(NamedTuple):
    """A caution: a word for programs and a sentence for people."""

    key: str
    text: str


def little_tissue(area: Optional[float], tiles: int) -> Optional[Flag]:
    """Say if the answer rests on little tissue (mm²) or few tiles."""
    if (area is None or area >= LITTLE_MM2) and tiles >= FEW_TILES:
        return None
    of = '' if area is None else f' of {area:.2f} mm² of tissue'
    return Flag('little tissue', f'The answer rests on {count(tiles, "tile")}{of}.')


def pale_tissue(note: str) -> Optional[Flag]:
    """Say what is odd about the tissue that was found."""
    return Flag('pale tissue', f'{note[0].upper()}{note[1:]}.') if note else None


def scale_source(mpp: float, source: str) -> Optional[Flag]:
    """Say if the scale is not the scanner's own."""
    if source in _SURE:
        return None
    if source == 'override':
        text = f'The scale, {mpp:g} µm a pixel, was given by the user.'
        return Flag('mpp overridden', text)
    text = (
        f'The scale, {mpp:g} µm a pixel, was taken from {source}, because the scanner '
        'states none.'
    )
    return Flag('mpp guessed', text)


def enlarged_tiles(scan: float, model: float) -> Optional[Flag]:
    """Say if the scan (µm a pixel) is coarser than what the model was trained on."""
    if model >= FINEST * scan:
        return None
    text = (
        f'Tiles are enlarged {scan / model:.1f} times: the scan has {scan:g} µm a '
        f'pixel, training patches had {model:g}.'
    )
    return Flag('enlarged', text)


def missing_tiles(
    probabilities: np.ndarray, missing: int, classes: Sequence[str]
) -> Optional[Flag]:
    """Say which answer there would be if all missing tiles had spoken for one class.

    Args:
        probabilities: of the tiles that were read, (N, K).
        missing: number of tiles that were not.
        classes: names of the K classes.
    """
    if not missing:
        return None
    sums = probabilities.sum(0, dtype=np.float64)  # (K,)
    answer = int(sums.argmax())
    others = [
        k for k in range(len(classes)) if (sums + missing * _one(k, sums)).argmax() == k
    ]
    total = len(probabilities) + missing
    share = f'{missing} of {count(total, "tile")} could not be read'
    best = (sums[answer] + missing) / total
    worst = sums[answer] / total
    reach = (
        f'{classes[answer]} has {best:.3f} if all of them had spoken for it, '
        f'{worst:.3f} if all had spoken against it'
    )
    changed = [classes[k] for k in others if k != answer]
    if changed:
        effect = f'they could have changed the answer to {" or ".join(changed)}'
    else:
        effect = 'they could not have changed the answer'
    return Flag('missing tiles', f'{share}: {effect} ({reach}).')


def _one(k: int, like: np.ndarray) -> np.ndarray:
    return np.arange(len(like)) == k


def unstable(
    answer: int, shifted: dict[str, np.ndarray], classes: Sequence[str]
) -> Optional[Flag]:
    """Say under which change of the grid another class comes out.

    Args:
        answer: the class of the slide.
        shifted: what was changed, and the slide's probabilities then, (K,).
        classes: names of the K classes.
    """
    other = [
        f'{classes[int(p.argmax())]} ({p.max():.3f}) with {change}'
        for change, p in shifted.items()
        if int(p.argmax()) != answer
    ]
    if not other:
        return None
    return Flag('unstable', f'Another class comes out: {"; ".join(other)}.')


def training_slide(name: str, known: bool, patient: bool) -> Optional[Flag]:
    """Say if the model was trained on this slide, or on another of the patient."""
    if known:
        text = f'The model was trained on {name}: its answer says nothing about others.'
        return Flag('training slide', text)
    text = f'The model was trained on slides of the patient of {name}.'
    return Flag('training patient', text) if patient else None


def patient_of(name: str) -> str:
    """Return the patient in a slide's id: of TCGA its first three parts.

    >>> patient_of('TCGA-CR-7395-01A-01-TS1'), patient_of('case-7')
    ('TCGA-CR-7395', 'case-7')
    """
    match = _TCGA.match(name)
    return match.group() if match else name


def far_features(share: Optional[float]) -> Optional[Flag]:
    """Say if more tiles than expected lie outside what training tiles cover."""
    if share is None or share <= FAR_SHARE:
        return None
    text = (
        f'{100 * share:.0f} % of the tiles are farther from the training tiles than '
        '99 % of those are: other stain, scanner or tissue?'
    )
    return Flag('far from training', text)


def uncalibrated(calibration: Any) -> Optional[Flag]:
    """Say if the probabilities are as the model has them."""
    text = 'Probabilities are not calibrated: cite calibrate does that.'
    return Flag('uncalibrated', text) if calibration is None else None
