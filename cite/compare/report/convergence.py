"""Whether a method was trained to the end: its last loss beside that of a guess."""

from typing import NamedTuple, Optional

import numpy as np

from cite.compare.folder.results import Results, Shots

AT_CHANCE = 0.9  # of ln K: a last loss above it is not clearly below a guess
STILL_FALLING = 0.05  # of the loss of the tenth before
MARK = '‡'


class Convergence(NamedTuple):
    """Training losses of a method at one number of training slides."""

    method: str
    shots: Shots
    loss: float  # mean over jobs of the last tenth of the steps
    before: float  # of the tenth before
    chance: float  # ln K

    @property
    def verdict(self) -> str:
        """Why the method may be under-trained; '' if nothing says so."""
        if self.loss > AT_CHANCE * self.chance:
            return 'not clearly below a guess'
        falls = self.before - self.loss > STILL_FALLING * self.before
        return 'still falling' if falls else ''


def convergences(results: Results) -> list[Convergence]:
    """Return the losses of every method whose jobs have recorded them."""
    chance = float(np.log(len(results.classes)))
    rows = []
    for shots in results.shots:
        for method in results.methods:
            one = convergence(results, method, shots, chance)
            if one is not None:
                rows.append(one)
    return rows


def convergence(
    results: Results, method: str, shots: Shots, chance: float
) -> Optional[Convergence]:
    """Return the losses of a method; None if none of its jobs has recorded them."""
    pairs = [
        (training.loss, training.loss_before)
        for run in results.of(method, shots)
        for training in run.trainings
        if training.loss is not None and training.loss_before is not None
    ]
    if not pairs:
        return None
    loss, before = np.mean(pairs, axis=0)
    return Convergence(method, shots, float(loss), float(before), chance)


def marked(results: Results) -> dict[tuple[str, Shots], str]:
    """Return why a row is marked, by method and shots; rows that are fine are left out.

    Args:
        results: contents of the comparison's folder.
    """
    rows = convergences(results)
    return {(row.method, row.shots): row.verdict for row in rows if row.verdict}
