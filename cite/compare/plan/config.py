from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from cite.compare.methods.job import Method, Shots


@dataclass
class Comparison:
    """A comparison: methods x shots x draws x seeds on one set of test slides.

    Args:
        title: title of the report.
        data_prefix: folder of the patches.
        ann_root: folder of the annotation files.
        train: name of the training files, with ``{shots}`` and ``{draw}`` (``''`` or
            ``'_draw3'``).
        val: name of the file of the test slides.
        classes: names of the K classes.
        methods: the rows of the table.
        shots: training slides of each class, or ``'all'``.
        draws: random choices of these; 0 takes the slides with the most patches.
        seeds: seeds of the training runs.
        reference: name of the method that the others are tested against.
        metrics: keys of :data:`cite.core.evaluation.metrics.SCORE_METRICS`; the
            config calls them ``figures``.
        captions: table of the slides, for the leakage check.
        patient: column of that table with the patient.
        patients: patient of each slide, where the table names one.
        slide: which slide a patch belongs to, as data sets take it.
        options: keys of every method's config with other values.
        slurm: parameters for submitit, such as ``slurm_partition``.
        features: files of features that every method takes instead of images, without
            ``_1.npy``.
        controls: names of the controls of methods that train on texts, by method and
            kind.
        folds: number of parts of all slides that are tested in turn; 0 for one file of
            test slides.
        rates: factors of each method's rate among which the training slides choose.
        held_out: methods whose training slides are held out in turn, for temperatures
            and sets of classes.
    """

    title: str
    data_prefix: str
    ann_root: str
    train: str
    val: str
    classes: list[str]
    methods: dict[str, Method]
    shots: list[Shots]
    draws: int
    seeds: list[int]
    reference: str
    metrics: list[str]
    captions: Optional[str] = None
    patient: Optional[str] = None
    patients: dict[str, str] = field(default_factory=dict)
    slide: str = 'prefix'
    options: dict[str, Any] = field(default_factory=dict)
    slurm: dict[str, Any] = field(default_factory=dict)
    features: list[str] = field(default_factory=list)
    controls: dict[str, dict[str, str]] = field(default_factory=dict)
    folds: int = 0
    rates: tuple[float, ...] = ()
    held_out: list[str] = field(default_factory=list)

    @property
    def fold_folder(self) -> Path:
        """The folder of the folds' annotation files."""
        return Path(self.ann_root) / f'folds{self.folds}'

    def train_file(self, shots: Shots, draw: int, fold: int = 0) -> Path:
        """Return the annotation file of a choice of training slides."""
        if fold:
            return self.fold_folder / f'draw{draw}_fold{fold}' / f'train_{shots}.txt'
        suffix = f'_draw{draw}' if draw else ''
        return Path(self.ann_root) / self.train.format(shots=shots, draw=suffix)

    def features_of(self, method: Method) -> tuple[str, ...]:
        """Return the files of features that a method takes; none: it takes images."""
        if isinstance(method.features, int):
            return () if method.type == 'external' else tuple(self.features)
        return tuple(_names(method.features))

    def val_file(self, draw: int = 0, fold: int = 0) -> Path:
        """Return the annotation file of the test slides."""
        if fold:
            return self.fold_folder / f'draw{draw}_fold{fold}' / 'val.txt'
        return Path(self.ann_root) / self.val


def _names(features: Any) -> list[str]:
    return [features] if isinstance(features, str) else [*features]


# A file system takes 255 bytes; files get an end, and another while they are written.
_LONGEST_NAME = 200


def names_files(name: Any) -> bool:
    """Tell whether a name may be part of a path: only letters, digits, - and _."""
    return (
        isinstance(name, str)
        and name.replace('-', '').replace('_', '').isalnum()
        and len(name.encode()) <= _LONGEST_NAME
    )
