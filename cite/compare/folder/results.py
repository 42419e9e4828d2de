from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import pandas as pd

from .checks import AGAIN
from .prediction_files import class_numbers, read_table
from .training import Training

Shots = Union[int, str, None]  # a number, 'all', or None if nothing is trained


@dataclass(frozen=True)
class Run:
    """A finished job, or one for each fold: probabilities for each test slide."""

    jobs: tuple[str, ...]
    method: str
    shots: Shots
    draw: int
    seed: int
    scores: np.ndarray  # (N, K), in the order of Results.slides
    trainings: tuple[Training, ...] = ()  # one for each job
    fold: Optional[np.ndarray] = None  # (N,) number of the slide's job; None: 0

    @property
    def job(self) -> str:
        """Name of the job, or of the first one."""
        return self.jobs[0]


@dataclass(frozen=True)
class Patches:
    """Probabilities of a run's patches."""

    files: np.ndarray  # (P,) image files, relative to the data's folder
    slide: np.ndarray  # (P,) number of the patch's slide in Results.slides
    labels: np.ndarray  # (P,)
    scores: np.ndarray  # (P, K)


@dataclass(frozen=True)
class Results:
    """A comparison's folder: settings, test slides and finished runs."""

    folder: Path
    settings: dict[str, Any]
    slides: np.ndarray  # (N,) ids, sorted
    patients: np.ndarray  # (N,) '' where unknown
    labels: np.ndarray  # (N,)
    patch_counts: np.ndarray  # (N,)
    runs: list[Run]
    failures: list[tuple[str, str]]  # job and error
    environment: dict[str, Any] = field(default_factory=dict)
    configs: dict[str, str] = field(default_factory=dict)  # each method's, as text

    @property
    def classes(self) -> list[str]:
        """Names of the K classes, in their order."""
        return self.settings['classes']

    @property
    def methods(self) -> dict[str, str]:
        """Name and label of every method that has a finished run."""
        done = {run.method for run in self.runs}
        every = self.settings['methods'].items()
        return {name: values['label'] for name, values in every if name in done}

    @property
    def controls(self) -> dict[str, dict[str, str]]:
        """The names of each method's controls, by kind, if it has a finished run."""
        return {
            method: kinds
            for method, kinds in self.settings.get('controls', {}).items()
            if method in self.methods
        }

    @property
    def reference(self) -> str:
        """Name of the method that the others are tested against."""
        return self.settings['reference']

    @property
    def reference_label(self) -> str:
        """The reference's name in tables, finished or not."""
        return self.settings['methods'][self.reference]['label']

    @property
    def shots(self) -> list[Shots]:
        """The shots that have finished runs; None, for untrained methods, first."""
        done = {run.shots for run in self.runs}
        return [shots for shots in (None, *self.settings['shots']) if shots in done]

    @property
    def clusters(self) -> np.ndarray:
        """The unit that is resampled: the patient, or the slide itself, (N,)."""
        names = zip(self.patients, self.slides)
        return np.array([f'patient {p}' if p else f'slide {s}' for p, s in names])

    def of(self, method: str, shots: Shots) -> list[Run]:
        """Return the runs of a method with that many training slides."""
        return [r for r in self.runs if (r.method, r.shots) == (method, shots)]

    def at(self, method: str, shots: Shots) -> list[Run]:
        """Return the same, or the run of a method that is not trained."""
        return self.of(method, shots) or self.of(method, None)

    def patches(self, run: Run) -> Optional[Patches]:
        """Read the patches of a run; None if the method scores slides only.

        Raises:
            ValueError: a file does not fit the slides or classes.
        """
        paths = [self.folder / 'patches' / f'{job}.csv' for job in run.jobs]
        if not all(path.is_file() for path in paths):
            return None
        parts = [self._patches(path) for path in paths]
        columns = [np.concatenate(column) for column in zip(*parts)]
        order = np.lexsort((columns[0], columns[1]))
        return Patches(*(column[order] for column in columns))

    def _patches(self, path: Path) -> tuple[np.ndarray, ...]:
        """Read one file: patches, their slides, labels and scores."""
        table = read_table(path, ('file', 'slide', 'label'), self.classes)
        place = pd.Index(self.slides).get_indexer(table['slide'])
        if (place < 0).any():
            slide = table['slide'][place < 0].iloc[0]
            raise ValueError(f'{path}: {slide} is not one of the test slides. {AGAIN}')
        labels = class_numbers(table['label'], self.classes, path)
        scores = table[self.classes].to_numpy(np.float64)
        return table['file'].to_numpy(str), place, labels, scores
