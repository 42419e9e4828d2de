from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from markupsafe import Markup

from cite.compare.folder.results import Patches, Results, Shots

from .svg import tag
from .thumbnails import Thumbnails

CARDS = 24
PICTURES = 6  # patches shown of each slide
_STRIPS = 100  # patches that a strip shows at most


@dataclass(frozen=True)
class SlideRow:
    """A line of the table of all slides; probabilities in percent, mean over runs."""

    number: int  # the slide's place in Results.slides
    slide: str
    patient: str
    true: int
    predicted: int
    confidence: float  # probability of the predicted class
    of_class: float  # probability of the slide's class
    wrong_methods: int


def slide_rows(results: Results, method: str, shots: Shots) -> list[SlideRow]:
    """List all slides; the first are wrong with the most confidence."""
    scores = mean_scores(results, method, shots)
    methods = methods_at(results, shots)
    predicted = [mean_scores(results, m, shots).argmax(1) for m in methods]
    wrong = (np.stack(predicted) != results.labels).sum(0)  # (N,)
    order = by_confident_mistake(scores, results.labels)
    return [
        SlideRow(
            i,
            str(results.slides[i]),
            str(results.patients[i]),
            int(results.labels[i]),
            int(scores[i].argmax()),
            100 * float(scores[i].max()),
            100 * float(scores[i, results.labels[i]]),
            int(wrong[i]),
        )
        for i in order.tolist()
    ]


def by_confident_mistake(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Order slides: wrong ones by falling confidence, then right ones by rising."""
    wrong = scores.argmax(1) != labels
    confidence = scores.max(1).round(9)
    signed = np.where(wrong, -confidence - 1, confidence)
    return np.lexsort((np.arange(len(labels)), signed))


def mean_scores(results: Results, method: str, shots: Shots) -> np.ndarray:
    """Return a method's probabilities, mean over its runs, (N, K)."""
    return np.mean([run.scores for run in results.at(method, shots)], 0)


def methods_at(results: Results, shots: Shots) -> list[str]:
    """List the methods with so many training slides, and those that need none."""
    return [m for m in results.methods if results.at(m, shots)]


def slide_cards(
    results: Results,
    method: str,
    shots: Shots,
    rows: Sequence[SlideRow],
    thumbnails: Thumbnails,
) -> list[dict[str, Any]]:
    """Show the first wrong slides, with patches if the method scores them."""
    predicted = [run.scores.argmax(1) for run in results.at(method, shots)]
    wrong_runs = (np.stack(predicted) != results.labels).sum(0)  # (N,)
    patches = _mean_patches(results, method, shots)
    cards = []
    for row in rows[:CARDS]:
        if row.true == row.predicted:
            break
        card = {
            'row': row,
            'patches': int(results.patch_counts[row.number]),
            'wrong_runs': int(wrong_runs[row.number]),
            **_patches(patches, row, thumbnails),
        }
        cards.append(card)
    return cards


def _mean_patches(results: Results, method: str, shots: Shots) -> Optional[Patches]:
    """Average the patches' probabilities over runs."""
    runs = results.at(method, shots)
    tables = [table for run in runs if (table := results.patches(run)) is not None]
    if len(tables) < len(runs):
        return None
    first = tables[0]
    if any(not np.array_equal(table.files, first.files) for table in tables):
        raise ValueError(
            f'{results.folder}: the runs of {method} were tested on other patches of '
            'the same slides. Run `cite compare` again with a new --out.'
        )
    scores = np.mean([table.scores for table in tables], 0)
    return Patches(first.files, first.slide, first.labels, scores)


def _patches(
    patches: Optional[Patches], row: SlideRow, thumbnails: Thumbnails
) -> dict[str, Any]:
    """Return pictures of some patches with their percentages, and the strip of all."""
    if patches is None or not (patches.slide == row.number).any():
        return {'pictures': [], 'strip': None}
    items = np.flatnonzero(patches.slide == row.number)
    falling = items[np.argsort(-patches.scores[items, row.predicted], kind='stable')]
    pictures = []
    for p in _spread(falling, PICTURES).tolist():
        file = str(patches.files[p])
        percent = 100 * patches.scores[p]
        shares = {'predicted': percent[row.predicted], 'true': percent[row.true]}
        pictures.append({'file': file, 'address': thumbnails.of(file), **shares})
    strip = _strip(patches.scores[falling], row.predicted, row.true)
    return {'pictures': pictures, 'strip': strip}


def _spread(values: np.ndarray, number: int) -> np.ndarray:
    """Return at most this many of the values, evenly spread."""
    places = np.linspace(0, len(values) - 1, min(number, len(values)))
    return values[places.round().astype(int)]


def _strip(scores: np.ndarray, predicted: int, true: int) -> Markup:
    """Draw every patch as a column: the prediction from below, the class from above."""
    scores = _spread(scores, _STRIPS)
    width = 300 / len(scores)
    parts = [tag('rect', x=0, y=0, width=300, height=44, class_='rest')]
    for i, row in enumerate(scores):
        place = {'x': round(width * i, 2), 'width': round(width * 0.92, 2)}
        low, high = 44 * float(row[predicted]), 44 * float(row[true])
        parts += [
            tag('rect', **place, y=44 - low, height=low, class_='said'),
            tag('rect', **place, y=0, height=high, class_='true'),
        ]
    # Hidden from screen readers: the card's text sums it up.
    return tag(
        *('svg', *parts),
        viewBox='0 0 300 44',
        preserveAspectRatio='none',
        class_='strip',
        aria_hidden='true',
    )
