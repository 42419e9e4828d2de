"""Features of a frozen backbone, computed once for all jobs that need them."""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
import torch
from mmcls.apis import set_random_seed
from mmcls.models import build_classifier
from mmcv import Config

from cite.apis.features.extract_rows import Extraction, extract_draw
from cite.apis.run_identity import settings_identity
from cite.core.files.numpy_files import MappedArray
from cite.core.messages import count, shorten
from cite.core.seeding import SEEDINGS

from .job import JobInputs
from .scores import Lines, build_part, read_lines
from .workspace import Workspace

_BATCH = 32
_TRAINED = 'this config trains its backbone ({}): its features change with every step.'


class Draws(NamedTuple):
    """Features on disk, ``{prefix}_{i}.npy`` for i from 1, and the rows to take."""

    prefix: Path
    rows: np.ndarray

    def read(self, draw: int) -> np.ndarray:
        """Return one draw of these rows, (N, D)."""
        return MappedArray(f'{self.prefix}_{draw}.npy').check()[self.rows]


def shared_draws(
    cfg: Config, inputs: JobInputs, workspace: Workspace, file: str, augmented: int
) -> Draws:
    """Return draws of an annotation file's features, computing them if need be.

    They are computed for all training slides (or all test slides) at once, in one
    order and with one batch size, so that every job gets the same bits. The first job
    computes them while the others wait.

    Args:
        cfg: the job's config, with its backbone.
        inputs: inputs of the job.
        workspace: where the method works.
        file: ``'train'`` or ``'val'``.
        augmented: number of augmented draws; 0 is one draw without augmentation.
    """
    files, classes = inputs.files, len(inputs.classes)
    pool = 'val_pool' if file == 'val' else 'pool'
    source = files.get(pool, files[file])
    rows = _rows(read_lines(source, classes), read_lines(files[file], classes))
    part = 'train' if augmented else 'test'
    data = cfg.data[part]
    before, data.ann_file = data.ann_file, source
    prefix = workspace.features / _key(cfg, part, workspace.kept.contents)
    paths = [Path(f'{prefix}_{i}.npy') for i in range(1, max(augmented, 1) + 1)]
    with _locked(prefix.with_suffix('.lock')):
        if not all(path.is_file() for path in paths):
            _compute(cfg, part, paths)
    data.ann_file = before
    return Draws(prefix, rows)


def _rows(pool: Lines, wanted: Lines) -> np.ndarray:
    """Return the wanted lines' places in the pool, (N,)."""
    place = {name: i for i, name in enumerate(pool.files)}
    missing = [name for name in wanted.files if name not in place]
    if missing:
        raise ValueError(
            f'the file of all training slides lacks '
            f'{count(len(missing), "training patch")} ({shorten(missing, 1)}). Make '
            'the files again with `cite ann`.'
        )
    return np.array([place[name] for name in wanted.files])


def _key(cfg: Config, part: str, contents: Callable[[Path], Any]) -> str:
    """Digest what features depend on: backbone, precision, images, preprocessing."""
    data = cfg.data[part]
    parts = {
        'backbone': cfg.model.backbone.to_dict(),
        'precision': cfg.model.get('precision', 'fp32'),
        'pipeline': [step.to_dict() for step in data.pipeline],
        'prefix': data.data_prefix,
        'lines': data.ann_file,
    }
    if part == 'train' and data.get('seeding', SEEDINGS[-1]) != SEEDINGS[0]:
        parts['seeding'] = data.get('seeding', SEEDINGS[-1])  # the first had no name
    text = json.dumps([part, settings_identity(parts, contents)])
    return f'{part}-{hashlib.sha256(text.encode()).hexdigest()[:16]}'


def _compute(cfg: Config, part: str, paths: list[Path]) -> None:
    set_random_seed(0)
    model = build_classifier({**cfg.model, 'neck': None})
    model.init_weights()
    trained = [n for n, p in model.backbone.named_parameters() if p.requires_grad]
    if trained:
        raise ValueError(_TRAINED.format(', '.join(trained[:3])))
    model = model.to(cfg.device).eval()
    dataset = build_part(cfg, part)
    workers = cfg.data.get('workers_per_gpu', 0)
    work = Extraction(_BATCH, workers, dtype='float32', seed=0)
    with torch.no_grad():
        for draw, path in enumerate(paths, 1):
            extract_draw(model, dataset, str(path), draw, work)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w') as file:
        fcntl.lockf(file, fcntl.LOCK_EX)  # workers do not inherit it, as with flock
        yield
