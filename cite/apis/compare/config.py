"""What is compared: a plain Python config, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Optional, Union

from mmcv import Config

from cite.core.evaluation.figures import FIGURES
from cite.datasets.captions import read_captions

from .methods import METHODS

Shots = Union[int, str]
_KEYS = (
    *('title', 'data_prefix', 'ann_root', 'train', 'val', 'classes', 'captions'),
    *('patient', 'shots', 'draws', 'seeds', 'methods', 'reference', 'figures'),
    *('options', 'resamples', 'slurm'),
)


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


def read_comparison(path: Union[str, Path]) -> Comparison:
    """Read a comparison's config.

    Args:
        path: a Python config; see configs/compare.

    Raises:
        FileNotFoundError: no such config, or one that a method names.
        ValueError: a key is missing, unknown, or its value makes no sense.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such config file.')
    raw = Config.fromfile(str(path), import_custom_modules=False)._cfg_dict
    values = {key: raw[key] for key in raw if key in _KEYS}
    _check_spelling([*raw], path)
    missing = {'ann_root', 'train', 'val', 'data_prefix', 'classes', 'methods'} - {
        *values
    }
    if missing:
        raise ValueError(f'{path}: the keys {sorted(missing)} are missing.')
    methods = {
        name: _method(name, _plain(config), path)
        for name, config in values.pop('methods').items()
    }
    patients = _patients(values.get('captions'), values.get('patient'))
    comparison = Comparison(
        title=values.pop('title', path.stem),
        methods=methods,
        shots=list(values.pop('shots', ['all'])),
        draws=values.pop('draws', 0),
        seeds=list(values.pop('seeds', [0])),
        reference=values.pop('reference', next(iter(methods), '')),
        figures=list(values.pop('figures', FIGURES)),
        classes=list(values.pop('classes')),
        options=_plain(values.pop('options', {})),
        patients=patients,
        **values,
    )
    _check(comparison, path)
    return comparison


def _method(name: str, config: dict[str, Any], path: Path) -> Method:
    known = {f.name for f in fields(Method)} - {'name', 'settings'}
    settings = {key: config.pop(key) for key in [*config] if key not in known}
    if 'config' not in config:
        raise ValueError(f'{path}: methods.{name} names no config.')
    if not Path(config['config']).is_file():
        raise FileNotFoundError(
            f'{path}: methods.{name}.config: {config["config"]}: no such config file.'
        )
    method = Method(
        name=name,
        **{'label': name, 'type': 'trained', **config},
        settings=settings,
    )
    if method.type not in METHODS:
        raise ValueError(
            f'{path}: methods.{name}.type is {method.type!r}; choose one of '
            f'{list(METHODS)}.'
        )
    if not name.replace('-', '').replace('_', '').isalnum():
        raise ValueError(
            f'{path}: the method {name!r} names files; use letters, digits, - and _.'
        )
    return method


def _check_spelling(keys: list[str], path: Path) -> None:
    """Refuse what looks like a key; a config may have variables of its own."""
    for key in keys:
        near = get_close_matches(key, _KEYS, n=1, cutoff=0.8)
        if key not in _KEYS and near and near[0] not in keys:
            raise ValueError(f'{path}: {key} is no key. Did you mean {near[0]}?')


def _check(comparison: Comparison, path: Path) -> None:
    if not comparison.methods:
        raise ValueError(f'{path}: methods is empty: there is nothing to compare.')
    if comparison.reference not in comparison.methods:
        raise ValueError(
            f'{path}: reference={comparison.reference!r} is none of the methods '
            f'{list(comparison.methods)}.'
        )
    unknown = [name for name in comparison.figures if name not in FIGURES]
    if unknown or not comparison.figures:
        raise ValueError(
            f'{path}: figures={comparison.figures}; choose among {list(FIGURES)}.'
        )
    for shots in comparison.shots:
        if shots != 'all' and (not isinstance(shots, int) or shots < 1):
            raise ValueError(f"{path}: shots holds {shots!r}; give numbers or 'all'.")
    if not comparison.shots or not comparison.seeds or comparison.draws < 0:
        raise ValueError(f'{path}: shots and seeds need values, and draws 0 or more.')


def _plain(value: Any) -> Any:
    """Return mmcv's dicts as plain ones, which travel between processes."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _patients(captions: Optional[str], column: Optional[str]) -> dict[str, str]:
    if captions is None or column is None:
        return {}
    table: Mapping[str, str] = {s.id: s.group for s in read_captions(captions, column)}
    return dict(table)
