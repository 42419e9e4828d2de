"""How many images per second and core each way of reading patches gives.

A side is measured in a process of its own, by the CPU seconds that it and its workers
spend from the file to what the model computes with: float32 images, normalised. So the
figures hold for one core whatever the number of workers, and include the queues.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any, Optional

import torch
from torch.utils.data import DataLoader

from cite.core.image_stats import OPENAI_CLIP
from cite.datasets import BalancedSampler, PatchGastricCls3
from cite.datasets.builder import prepare_workers
from cite.datasets.collate import collate
from cite.models.classifiers.normalize import normalize

# side -> what the pipeline is told; the released way is the pipeline without arguments.
SIDES: dict[str, dict[str, Any]] = {
    'released': {},
    'ours': {
        'mean': [*OPENAI_CLIP.mean],
        'std': [*OPENAI_CLIP.std],
        'saturation': [0.8, 1.2],
        'interpolation': 'bicubic',
        'backend': 'fast',
    },
}
ROWS = ('few_slide', 'first_pass', 'evaluation')


def measure_in_process(row: str, side: str, **settings: Any) -> float:
    """Return images per second and core, measured in a new process.

    Args:
        row: ``'few_slide'`` (every patch has been seen), ``'first_pass'`` (none has) or
            ``'evaluation'``.
        side: ``'released'`` or ``'ours'``.
        **settings: of :func:`measure`.

    Raises:
        subprocess.CalledProcessError: the measurement failed.
    """
    arguments = json.dumps({'row': row, 'side': side, **settings})
    command = [sys.executable, '-W', 'ignore', '-m', __name__, arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])['images_per_core_second'])


def measure(
    row: str,
    side: str,
    data_prefix: str,
    ann_file: str,
    images: int = 2048,
    batch: int = 128,
    workers: int = 2,
    packed: Optional[str] = None,
) -> float:
    """Return images per second and core, measured in this process.

    Args:
        row: as in :func:`measure_in_process`.
        side: as in :func:`measure_in_process`.
        data_prefix: folder of the patches.
        ann_file: annotation file; of at least ``images`` lines for ``'first_pass'``.
        images: how many are measured.
        batch: images per batch.
        workers: processes that read.
        packed: a file of ``tools/pack.py`` to read from.

    Raises:
        ValueError: an unknown row or side.
    """
    if row not in ROWS or side not in SIDES:
        raise ValueError(f'row={row!r}, side={side!r}; known are {ROWS}, {[*SIDES]}.')
    torch.set_num_threads(1)
    dataset = _dataset(row, side, data_prefix, ann_file, packed)
    _compile(dataset)
    draws = _draws(dataset, images if row != 'few_slide' else images + len(dataset))
    if row == 'few_slide':
        _use(_batches(dataset, draws[: len(dataset)], batch, workers))
    before = _cpu_seconds()
    count = _use(_batches(dataset, draws[-images:], batch, workers))
    return count / (_cpu_seconds() - before)


def _dataset(
    row: str, side: str, data_prefix: str, ann_file: str, packed: Optional[str]
) -> Any:
    evaluation = row == 'evaluation'
    preprocess = {'type': 'PatchGastricPipeline', **SIDES[side]}
    # The released evaluation augments; its fair opponent is the plain one.
    steps: list[dict] = [{**preprocess, 'test_mode': evaluation}]
    keys = ['img']
    if not evaluation:
        steps.append({'type': 'ToTensor', 'keys': ['gt_label']})
        keys.append('gt_label')
    steps.append({'type': 'Collect', 'keys': keys})
    return PatchGastricCls3(
        data_prefix=data_prefix,
        ann_file=ann_file,
        pipeline=steps,
        test_mode=evaluation,
        packed=packed,
    )


def _draws(dataset: Any, count: int) -> list[int]:
    if dataset.test_mode:
        return list(range(min(count, len(dataset))))
    sampler = BalancedSampler(dataset, seed=0)
    sampler.pending = True  # as the loader that mmcls builds has it: cite.compat
    return list(islice(sampler, count))


def _batches(
    dataset: Any, draws: list[int], batch: int, workers: int
) -> Iterator[dict]:
    # As mmcls builds it, but it ends: nothing is read ahead that is not used, and the
    # workers' time is known when they have ended.
    loader = DataLoader(dataset, batch_size=batch, sampler=draws, num_workers=workers)
    loader.collate_fn = partial(collate, samples_per_gpu=batch)
    if dataset.image_bytes and not dataset.test_mode:
        prepare_workers(loader, batch, dataset.image_bytes * batch)
    yield from loader


def _compile(dataset: Any) -> None:
    """Run one item, so that neither side's imports and compilation count."""
    cache, dataset.cache = dataset.cache, None
    for drawn in _draws(dataset, 1):
        _use(iter([collate([dataset[drawn]], samples_per_gpu=1)]))
    dataset.cache = cache


def _use(batches: Iterator[dict]) -> int:
    """Take batches as far as the model's step does; return the number of images."""
    count = 0
    for data in batches:
        img = data['img']
        if img.dtype == torch.uint8:
            img = normalize(img, data['img_metas'].data[0])
        count += len(img)
    return count


def _cpu_seconds() -> float:
    """Return what this process and its ended children have spent."""
    usages = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == '__main__':
    rate = measure(**json.loads(sys.argv[1]))
    print(json.dumps({'images_per_core_second': rate}))
