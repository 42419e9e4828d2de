"""The README.md of a model folder: what it is for, and what it was not tested for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from cite.apis.predictions import SlidePredictions, read_predictions
from cite.core.messages import count

_CARD = """\
# {title}

A model of [CITE](https://arxiv.org/abs/2307.14901) that scores patches and slides of
histopathology. `model.safetensors` and `config.json` hold data, no code.

```python
from cite.apis import Predictor
Predictor('{folder}').predict_patches(['patch.png'])
```

## Classes
{classes}

## Data
{training}. Patches are {patch_pixels} pixels wide at {mpp:g} µm per pixel.
Only hashes of the slides' ids are in this folder.

## Backbone
{backbone}

## Metrics
{metrics}

## Intended use
Research: to score slides of the tissue, stain and scanners that it was trained on, with
a pathologist who looks at what it says. It is not a medical device.

## Not tested
Unless listed above: other organs, stains, scanners and hospitals than those of the
training slides; tissue of none of the classes, for which it names one all the same;
patients' outcomes; any clinical use.

## Calibration
{calibration}
"""
_NO_METRICS = (
    'None given. `cite export … --results RESULTS.json` writes them from the file of '
    '`cite test … --out RESULTS.json`.'
)
_CONFIDENCE = 1.96  # standard deviations: 95 %


def model_card(
    content: Mapping[str, Any],
    dataset: Any,
    results: Union[str, Path, None],
    config: str,
) -> str:
    """Write the card of a model.

    Args:
        content: what config.json holds.
        dataset: data set that ``results`` were made on.
        results: JSON of ``mim test``, or None.
        config: config of the run, whose name is the title.
    """
    title = Path(config).stem
    training = content['training']
    return _CARD.format(
        title=title,
        folder='PATH/OF/THIS/FOLDER',
        classes=_classes(content),
        training=f'Trained on {count(training["patches"], "patch")} of '
        f'{count(len(training["slides"]), "slide")}',
        patch_pixels=content['patch_pixels'],
        mpp=content['mpp'],
        backbone=_backbone(content),
        metrics=_metrics(results, dataset),
        calibration=calibration_words(content['calibration']),
    )


def calibration_words(calibration: Optional[Mapping[str, Any]]) -> str:
    """Say what calibration the model has."""
    if calibration is None:
        return 'Not calibrated: its probabilities are scores (`cite calibrate`).'
    rests = f'{count(calibration["n"], calibration["unit"])} held out'
    temperature = f'Temperature {calibration["temperature"]:.3f}'
    share = f'{100 * (1 - calibration["alpha"]):g} %'
    if calibration['quantile'] is None:
        return (
            f'{temperature}, from {rests}: too few for sets that hold the true class '
            f'in {share} of slides, so that every set is all classes.'
        )
    return (
        f'{temperature}; a set of the classes with a probability of at least '
        f'{1 - calibration["quantile"]:.3f} holds the true class in {share} of slides '
        f'like those it rests on: {rests}.'
    )


def replace_calibration(card: str, calibration: Mapping[str, Any]) -> str:
    """Return a card with another last section."""
    start, heading, _ = card.partition('## Calibration\n')
    heading = heading or '\n## Calibration\n'
    return f'{start}{heading}{calibration_words(calibration)}\n'


def _classes(content: Mapping[str, Any]) -> str:
    texts = content['texts'] or [None] * len(content['classes'])
    lines = []
    for name, text in zip(content['classes'], texts):
        words = '; '.join([text] if isinstance(text, str) else text or [])
        lines.append(f'- {name}' + (f': "{words}"' if words not in ('', name) else ''))
    return '\n'.join(lines)


def _backbone(content: Mapping[str, Any]) -> str:
    weights, kind = content['backbone_weights'], content['model']['backbone']['type']
    size = f'{content["weights"]["bytes"] / 1e6:.1f} MB'
    if weights['features']:
        return (
            'Not in this folder, and not named: the model was trained on features that '
            'were extracted before. It scores such features, not images.'
        )
    if weights['in_folder']:
        return f'{kind}; all its weights are in this folder ({size}).'
    return (
        f'{kind}. This folder has what was trained ({size}), not the frozen weights: '
        f'they are read from `{weights["source"]}`, and must have the digest '
        f'`{weights["digest"]}`.'
    )


def _metrics(results: Union[str, Path, None], dataset: Any) -> str:
    if results is None:
        return _NO_METRICS
    slides = read_predictions(results, dataset.ann_file, dataset.slide_rule)
    lines = [
        f'On {count(len(slides.slides), "slide")} of the test set, with 95 % intervals '
        "(Wilson's) over slides:",
        '',
        '| | right | of slides | interval |',
        '|---|---|---|---|',
        _row('all', slides.correct),
    ]
    for k, name in enumerate(dataset.CLASSES):
        lines.append(_row(name, _of_class(slides, k)))
    return '\n'.join(lines)


def _of_class(slides: SlidePredictions, k: int) -> np.ndarray:
    return slides.correct[slides.labels == k]


def _row(name: str, correct: np.ndarray) -> str:
    n = len(correct)
    if not n:
        return f'| {name} | – | 0 | – |'
    low, high = _wilson(int(correct.sum()), n)
    share = f'{100 * correct.mean():.1f} %'
    return f'| {name} | {share} | {n} | {100 * low:.1f} to {100 * high:.1f} % |'


def _wilson(hits: int, n: int) -> tuple[float, float]:
    """Return Wilson's interval of a share. Source: Wilson, JASA 22, 1927."""
    z2 = _CONFIDENCE**2
    centre = (hits + z2 / 2) / (n + z2)
    half = _CONFIDENCE / (n + z2) * np.sqrt(hits * (n - hits) / n + z2 / 4)
    return max(centre - half, 0.0), min(centre + half, 1.0)
