"""A comparison that takes seconds: drawn slides, a tiny CLIP, real methods."""

import pprint
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tiny_training import TEXTS, config

from cite.compare.methods.task import Task, run_task
from cite.compare.methods.workspace import Kept
from cite.engines import Engine, Outcome

CLASSES = ['well', 'moderately', 'poorly']


class InProcess(Engine):
    """Runs jobs where the test runs: what a worker does, without one."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, tasks: Sequence[Task], *_: object) -> Iterator[Outcome]:
        for task in tasks:
            self.ran.append(task.name)
            yield Outcome(task, run_task(task, Kept()))


def method_configs(data: Path, folder: Path) -> dict[str, str]:
    """Write mmcls configs of several methods and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    cite = config(data, folder / 'unused', iters=2, neck='ProjectionNeck')
    cite.custom_imports = {'imports': ['cite'], 'allow_failed_imports': False}
    for part in ('train', 'val', 'test'):
        cite.data[part].pipeline[0].backend = 'fast'
    linear = cite._cfg_dict.to_dict()
    linear['model'].pop('neck')
    arch = linear['model']['backbone']['arch']
    linear['model']['backbone'] = {'type': 'CLIPImageBackbone', 'arch': arch}
    linear['model']['head'] = {
        'type': 'MyLinearClsHead',
        'num_classes': 3,
        'in_channels': 16,
    }
    head = {'type': 'CLIPTextHead', 'arch': arch, 'texts': TEXTS}
    zeroshot = {**linear, 'model': {**linear['model'], 'head': head}}
    configs = {'cite': cite._cfg_dict.to_dict(), 'linear': linear, 'zeroshot': zeroshot}
    return {name: _write(folder / f'{name}.py', cfg) for name, cfg in configs.items()}


def write_comparison(data: Path, folder: Path, **changes: Any) -> str:
    """Write the config of a comparison of CITE, linear, zero-shot and nearest mean."""
    paths = method_configs(data, folder / 'configs')
    values = {
        'data_prefix': f'{data}/patches_captions/',
        'ann_root': f'{data}/gastric_cls3_ann/',
        'train': 'train_{shots}_0.5{draw}.txt',
        'val': 'val_0.5.txt',
        'captions': f'{data}/captions.csv',
        'classes': CLASSES,
        'shots': [1, 'all'],
        'draws': 2,
        'seeds': [0],
        'methods': {
            'zero': {'label': 'Zero', 'config': paths['zeroshot'], 'trained': False},
            'cite': {'label': 'CITE', 'config': paths['cite']},
            'linear': {'label': 'Linear', 'config': paths['linear'], 'features': 2},
            'mean': {'type': 'nearest_mean', 'config': paths['linear']},
        },
        'reference': 'cite',
        'controls': False,
        **changes,
    }
    return _write(folder / 'compare.py', values)


def _write(path: Path, values: dict[str, Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f'{k} = {pprint.pformat(v, sort_dicts=False)}' for k, v in values.items()]
    path.write_text('\n'.join(lines) + '\n')
    return str(path)
