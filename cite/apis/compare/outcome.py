"""What a comparison left in its folder, read and checked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import pandas as pd

Shots = Union[int, str, None]  # a number, 'all', or None where nothing is trained
_AGAIN = 'Start tools/compare.py again with the same config: it does what is missing.'


@dataclass(frozen=True)
class Run:
    """A finished job: one row of probabilities for each test slide."""

    job: str
    method: str
    shots: Shots
    draw: int
    seed: int
    seconds: float
    scores: np.ndarray  # (N, K), in the order of Outcome.slides


@dataclass(frozen=True)
class Patches:
    """Probabilities of a run's patches."""

    files: np.ndarray  # (P,) image files below the data's folder
    slide: np.ndarray  # (P,) number of the patch's slide in Outcome.slides
    labels: np.ndarray  # (P,)
    scores: np.ndarray  # (P, K)


@dataclass(frozen=True)
class Outcome:
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
    configs: dict[str, str] = field(default_factory=dict)  # of each method, its text

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
    def reference(self) -> str:
        """Name of the method that the others are tested against."""
        return self.settings['reference']

    @property
    def shots(self) -> list[Shots]:
        """The shots that have finished runs; None, for untrained methods, first."""
        done = {run.shots for run in self.runs}
        return [shots for shots in (None, *self.settings['shots']) if shots in done]

    @property
    def clusters(self) -> np.ndarray:
        """What is resampled together: the patient, or the slide itself, (N,)."""
        names = zip(self.patients, self.slides)
        return np.array([f'patient {p}' if p else f'slide {s}' for p, s in names])

    def of(self, method: str, shots: Shots) -> list[Run]:
        """Return the runs of a method with that many training slides."""
        return [r for r in self.runs if (r.method, r.shots) == (method, shots)]

    def at(self, method: str, shots: Shots) -> list[Run]:
        """Return the same; of a method that is not trained, its run."""
        return self.of(method, shots) or self.of(method, None)

    def patches(self, run: Run) -> Optional[Patches]:
        """Read the patches of a run; None where the method scores slides alone.

        Raises:
            ValueError: the file does not fit the slides or classes.
        """
        path = self.folder / 'patches' / f'{run.job}.csv'
        if not path.is_file():
            return None
        table = _read_table(path, ('file', 'slide', 'label'), self.classes)
        place = pd.Index(self.slides).get_indexer(table['slide'])
        if (place < 0).any():
            stranger = table['slide'][place < 0].iloc[0]
            raise ValueError(f'{path}: {stranger} is none of the test slides. {_AGAIN}')
        labels = class_numbers(table['label'], self.classes, path)
        order = np.lexsort((table['file'], place))
        scores = table[self.classes].to_numpy(np.float64)
        files = table['file'].to_numpy(str)
        return Patches(files[order], place[order], labels[order], scores[order])


def read_outcome(folder: Union[str, Path]) -> Outcome:
    """Read what a comparison left: finished runs, failures, settings, environment.

    Jobs that the settings no longer name are left out.

    Args:
        folder: the comparison's.

    Raises:
        FileNotFoundError: a file is missing; the message says what to do.
        ValueError: no job is finished, or a file does not fit the others.
    """
    folder = Path(folder)
    settings = json.loads(_text(folder / 'comparison.json'))
    lines = [line for line in read_jobs(folder) if _wanted(line, settings)]
    failures = [(line['job'], line['error']) for line in lines if 'error' in line]
    done = sorted((line for line in lines if 'error' not in line), key=_order(settings))
    if not done:
        raise ValueError(f'{folder}: no job is finished, so there is nothing to tell.')
    tables = [_predictions(folder, line['job'], settings['classes']) for line in done]
    _check_same_slides(folder, done, tables)
    first = tables[0]
    labels = class_numbers(first['label'], settings['classes'], folder / 'predictions')
    runs = [_run(line, t, settings['classes']) for line, t in zip(done, tables)]
    environment = folder / 'environment.json'
    return Outcome(
        folder=folder,
        settings=settings,
        slides=first['slide'].to_numpy(str),
        patients=first['patient'].to_numpy(str),
        labels=labels,
        patch_counts=pd.to_numeric(first['patches']).to_numpy(),
        runs=runs,
        failures=sorted(failures),
        environment=json.loads(_text(environment)) if environment.is_file() else {},
        configs=_configs(folder, settings),
    )


def read_jobs(folder: Path) -> list[dict[str, Any]]:
    """Return the last line of each job in ``results.jsonl``, sorted by job.

    A last line that a killed process left unfinished is passed over.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another line is no JSON.
    """
    path = folder / 'results.jsonl'
    text = _text(path)
    jobs = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            values = json.loads(line)
            jobs[values['job']] = values
        except (ValueError, KeyError, TypeError) as error:
            if number == text.count('\n') + 1:
                break
            message = f'{path}:{number}: no line of a job. Remove it. {_AGAIN}'
            raise ValueError(message) from error
    return [jobs[name] for name in sorted(jobs)]


def class_numbers(names: pd.Series, classes: Sequence[str], path: Path) -> np.ndarray:
    """Turn class names into numbers, (N,).

    Raises:
        ValueError: a name is none of the classes.
    """
    numbers = pd.Index(classes).get_indexer(names)
    if (numbers < 0).any():
        raise ValueError(
            f'{path}: the label {names[numbers < 0].iloc[0]!r} is none of the classes '
            f'{list(classes)}. {_AGAIN}'
        )
    return numbers


def _wanted(line: dict[str, Any], settings: dict[str, Any]) -> bool:
    """Whether a job is one of the comparison's, as it is set now."""
    if 'method' not in line:
        return False
    shots = line['shots']
    return line['method'] in settings['methods'] and (
        shots is None
        or (
            shots in settings['shots']
            and line['seed'] in settings['seeds']
            and line['draw'] <= settings['draws']
        )
    )


def _order(settings: dict[str, Any]) -> Any:
    methods, shots = list(settings['methods']), [None, *settings['shots']]

    def key(line: dict[str, Any]) -> tuple[int, ...]:
        places = methods.index(line['method']), shots.index(line['shots'])
        return (*places, line['draw'], line['seed'])

    return key


def _run(line: dict[str, Any], table: pd.DataFrame, classes: list[str]) -> Run:
    keys = ('job', 'method', 'shots', 'draw', 'seed')
    return Run(
        **{key: line[key] for key in keys},
        seconds=float(line.get('seconds', 'nan')),
        scores=table[classes].to_numpy(np.float64),
    )


def _predictions(folder: Path, job: str, classes: list[str]) -> pd.DataFrame:
    path = folder / 'predictions' / f'{job}.csv'
    known = ('slide', 'patient', 'label', 'patches')
    table = _read_table(path, known, classes)
    return table.sort_values('slide', kind='stable').reset_index(drop=True)


def _read_table(
    path: Path, known: Sequence[str], classes: Sequence[str]
) -> pd.DataFrame:
    """Read columns of text and one of probabilities for each class."""
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file. {_AGAIN}')
    dtypes = {**dict.fromkeys(known, str), **dict.fromkeys(classes, 'float64')}
    # Only '' is missing: a slide may be called NA.
    table = pd.read_csv(
        *(path,),
        dtype=dtypes,
        keep_default_na=False,
        na_values={c: [''] for c in classes},
    )
    lacking = [name for name in (*known, *classes) if name not in table]
    if lacking:
        raise ValueError(f'{path}: the columns {lacking} are missing. {_AGAIN}')
    if not np.isfinite(table[list(classes)].to_numpy()).all():
        raise ValueError(f'{path}: a probability is missing or no number. {_AGAIN}')
    return table


def _check_same_slides(
    folder: Path, done: list[dict[str, Any]], tables: list[pd.DataFrame]
) -> None:
    for line, table in zip(done, tables):
        for column in ('slide', 'label', 'patient'):
            if not table[column].equals(tables[0][column]):
                raise ValueError(
                    f'{folder}: the slides of {line["job"]} differ from those of '
                    f'{done[0]["job"]} in the column {column}: they were not tested on '
                    f'the same ones. {_AGAIN}'
                )


def _configs(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    paths = {name: folder / 'configs' / f'{name}.py' for name in settings['methods']}
    return {n: p.read_text(encoding='utf-8') for n, p in paths.items() if p.is_file()}


def _text(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file. {_AGAIN}')
    return path.read_text(encoding='utf-8')
