"""The table of temperatures and of sets of classes, as text."""

from cite.compare.folder.results import Results
from cite.compare.statistics.calibrated import ALPHA, Calibrated, calibrated

from .words import shots_words

HEAD = (
    *('Method', 'Slides', 'Temperature', 'ECE, %', 'scaled', 'NLL', 'scaled'),
    *('Covered, %', 'Classes in a set', 'Gap of classes', 'Fitted on'),
)
NOTE = (
    'Temperature: what logits are divided by to make probabilities honest; above 1, '
    'the method was too sure. It is fitted on training slides, each scored by a model '
    'that was trained without its patient, and never on test slides; so it needs two '
    'slides of each class. A set of classes is to hold the true one for '
    f'{100 * (1 - ALPHA):.0f} % of new patients. Covered: how many test slides it did '
    'hold. Gap: between the classes that are covered most and least. Fitted on: '
    'patients, or slides where they are unknown; with fewer than '
    f'{round(1 / ALPHA) - 1} a set is all classes (∗), which is always right and says '
    'nothing. The models of the held-out slides are not quite the one that is tested, '
    'so coverage is not guaranteed.'
)


def calibration_rows(results: Results) -> list[list[str]]:
    """Return a row of texts for each method and number of training slides.

    Args:
        results: contents of the comparison's folder.
    """
    return [_row(results.methods[row.method], row) for row in calibrated(results)]


def _row(label: str, row: Calibrated) -> list[str]:
    return [
        label,
        shots_words(row.shots),
        f'{row.temperature:.2f}',
        f'{row.ece:.1f}',
        f'{row.ece_after:.1f}',
        f'{row.nll:.3f}',
        f'{row.nll_after:.3f}',
        f'{row.coverage:.0f}{"∗" if row.everything else ""}',
        f'{row.size:.2f}',
        f'{row.gap:.0f}',
        f'{row.units:.0f}',
    ]
