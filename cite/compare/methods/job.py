"""What a method is given: its settings, the job, classes and files; and its config."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Union

import torch
from mmcv import Config

from cite.apis.config_file import read_config

Shots = Union[int, str]  # training slides of each class, or 'all'


@dataclass
class Method:
    """One row of the table.

    Args:
        name: key of the method in the config; part of file names.
        label: name of the method in tables.
        type: a key of :data:`cite.compare.methods.METHODS`.
        config: path of the mmcls config it trains, or whose backbone gives features and
            whose head has the texts; empty where neither is needed.
        options: keys of that config with other values, as ``--cfg-options`` takes them.
        trained: False for a method that needs no slides (zero-shot): one job in all.
        seed_keys: keys of the config that get the run's seed as their value.
        draws: fewer draws than the comparison's, where time forbids more.
        features: train on cached features of the frozen backbone, this many augmented
            draws of each patch; 0 augments anew at every step, through the backbone.
            Or the name, or names, of files of features made before.
        texts: for a control, what replaces the class texts: one of
            :data:`cite.compare.methods.class_vectors.KINDS`.
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
    features: Union[int, str, list[str]] = 0
    texts: str = ''
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One training and test, or one test where nothing is trained.

    Args:
        method: name of the method.
        shots: training slides of each class, ``'all'``, or None without training.
        draw: number of the choice of slides; 0 takes the slides with the most patches.
        seed: seed of the training run.
        fold: number of the part of the slides that is tested; 0 if there is one part.
    """

    method: str
    shots: Optional[Shots]
    draw: int
    seed: int
    fold: int = 0

    @property
    def name(self) -> str:
        """The job's name, which is part of its files' names."""
        if self.shots is None:
            return self.method
        name = f'{self.method}-{self.shots}shot-draw{self.draw}-seed{self.seed}'
        return f'{name}-fold{self.fold}' if self.fold else name


@dataclass(frozen=True)
class JobInputs:
    """Everything that a job's result depends on, as plain data that can be sent.

    Args:
        job: the job.
        method: settings of its method.
        options: keys of every method's config with other values.
        classes: names of the K classes.
        data_prefix: folder of the patches.
        files: annotation files by name: ``'val'`` (the test slides), for a trained
            method ``'train'``, and ``'pool'`` if there is a file of all training
            slides: features are computed for all of them at once. ``'val_pool'`` is a
            file with the test slides and others, for the same purpose.
        slide: which slide a patch belongs to, as data sets take it.
        features: files of features, without ``_1.npy``, to take instead of images.
        rates: factors of the method's rate; the training slides choose one.
        held_out: score training slides by models that did not see their patient.
        patients: patient of each slide, if training slides are to be held out.
    """

    job: Job
    method: Method
    options: dict[str, Any]
    classes: list[str]
    data_prefix: str
    files: dict[str, str]
    slide: str = 'prefix'
    features: tuple[str, ...] = ()
    rates: tuple[float, ...] = ()
    held_out: bool = False
    patients: dict[str, str] = field(default_factory=dict)

    def settings(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """Return the method's own settings, with defaults for those not given."""
        return {**defaults, **self.method.settings}


def read_method(path: str) -> Config:
    """Read a method's config; without a path, one with nothing but parts of data.

    ``SHOTS``, by which configs choose their annotation file and name, is ignored.
    """
    if not path:
        return Config({'data': {part: {} for part in ('train', 'val', 'test')}})
    return read_config(path, variables={'SHOTS': None})


def job_config(
    inputs: JobInputs, read: Callable[[str], Config] = read_method
) -> Config:
    """Read a method's config and put a job's files and options into it.

    Args:
        inputs: inputs of the job.
        read: function that reads a config; pass a cached one for many jobs.

    Raises:
        ValueError: a config that names no training or test data.
    """
    method, seed = inputs.method, inputs.job.seed
    cfg = Config(read(method.config)._cfg_dict.to_dict())
    options = {**inputs.options, **method.options}
    options.update(dict.fromkeys(method.seed_keys, seed))
    cfg.merge_from_dict(options)
    for part, file in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        if part not in cfg.data:
            raise ValueError(f'{method.config}: data.{part} is missing.')
        _set_rule(cfg.data[part], inputs.slide)
        cfg.data[part].data_prefix = inputs.data_prefix
        cfg.data[part].classes = list(inputs.classes)
        cfg.data[part].ann_file = inputs.files.get(file, inputs.files['val'])
    cfg.seed = seed
    cfg.gpu_ids = [0]
    cfg.device = 'cuda' if torch.cuda.is_available() else 'cpu'
    cfg.checkpoint_config = None  # only the predictions are kept
    cfg.pop('evaluation', None)
    return cfg


def _set_rule(data: Any, slide: str) -> None:
    """Give a data set the comparison's rule; the default stays unwritten."""
    data.pop('slide', None)
    if slide != 'prefix':
        data.slide = slide
