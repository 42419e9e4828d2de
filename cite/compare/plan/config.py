"""What is compared: a method is a row of the table, a comparison all that is run."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

Shots = Union[int, str]


@dataclass
class Method:
    """One row of the table.

    Args:
        name: its key in the config; names files.
        label: what tables call it.
        type: a key of :data:`.methods.METHODS`.
        config: path of the mmcls config it trains, or whose backbone gives features.
        options: keys of that config with other values, as of ``--cfg-options``.
        trained: False for what needs no slides (zero-shot): one job in all.
        seed_keys: keys of the config that get the run's seed as their value.
        draws: fewer draws than the comparison's, where time forbids.
        features: train on cached features of the frozen backbone, this many augmented
            draws of each patch; 0 augments anew at every step, through the backbone.
        settings: what else the method's type takes.
    """

    name: str
    label: str
    type: str
    config: str
    options: dict[str, Any] = field(default_factory=dict)
    trained: bool = True
    seed_keys: list[str] = field(default_factory=list)
    draws: Optional[int] = None
    features: int = 0
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Comparison:
    """A comparison: methods x shots x draws x seeds on one set of test slides.

    Args:
        title: heads the report.
        data_prefix: folder of the patches.
        ann_root: folder of the annotation files.
        train: their name, with ``{shots}`` and ``{draw}`` (``''`` or ``'_draw3'``).
        val: the file of the test slides.
        classes: names of the K classes.
        methods: the rows.
        shots: training slides of each class, or ``'all'``.
        draws: random choices of these; 0 takes the slides with the most patches.
        seeds: of training.
        reference: name of the method that the others are tested against.
        figures: names out of :data:`cite.core.evaluation.figures.FIGURES`.
        captions: table of the slides; what the leakage check reads.
        patient: its column with the patient.
        patients: of each slide, where the table says so.
        options: keys of every method's config with other values.
        resamples: of the bootstrap.
        slurm: parameters for submitit, such as ``slurm_partition``.
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
    figures: list[str]
    captions: Optional[str] = None
    patient: Optional[str] = None
    patients: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    resamples: int = 2000
    slurm: dict[str, Any] = field(default_factory=dict)

    def train_file(self, shots: Shots, draw: int) -> Path:
        """Return the annotation file of a choice of training slides."""
        suffix = f'_draw{draw}' if draw else ''
        return Path(self.ann_root) / self.train.format(shots=shots, draw=suffix)

    @property
    def val_file(self) -> Path:
        """The annotation file of the test slides."""
        return Path(self.ann_root) / self.val
