"""Images per second and core of each way to read patches.

A side is measured in its own process, by the CPU seconds that it and its workers spend
between the file and the model's input: float32 images, normalised. The result is per
core, independent of the number of workers, and includes the queues.
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
from cite.core.workers import start_method
from cite.datasets import BalancedSampler, PatchGastricCls3
from cite.datasets.builder import collate, prepare_workers
from cite.models.classifiers.micro_batches import AUTO_ON_CPU
from cite.models.classifiers.normalize import ImageBuffer, normalize

# side -> arguments of the pipeline; the release uses it without arguments.
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
        row: ``'few_slide'`` (every patch has been read before), ``'first_pass'`` (no
            patch has) or ``'evaluation'``.
        side: ``'released'`` or ``'ours'``.
        **settings: other arguments of :func:`measure`.

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
    device: str = 'cpu',
) -> float:
    """Return images per second and core, measured in this process.

    Args:
        row: row, as in :func:`measure_in_process`.
        side: side, as in :func:`measure_in_process`.
        data_prefix: folder of the patches.
        ann_file: annotation file; for ``'first_pass'`` with at least ``images`` lines.
        images: number of images to measure.
        batch: images per batch.
        workers: processes that read.
        packed: file of ``cite pack`` to read from.
        device: where the model is; on another than a CPU ours augments there.

    Raises:
        ValueError: an unknown row or side.
    """
    if row not in ROWS or side not in SIDES:
        raise ValueError(
            f'row={row!r}, side={side!r}; rows: {ROWS}, sides: {tuple(SIDES)}.'
        )
    torch.set_num_threads(1)
    dataset = _dataset(row, side, data_prefix, ann_file, packed)
    if side == 'ours' and device != 'cpu':
        dataset.pipeline.transforms[0].augment_on = 'model'
    _compile(dataset)
    draws = _draws(dataset, images if row != 'few_slide' else images + len(dataset))
    if row == 'few_slide':
        _use(_batches(dataset, draws[: len(dataset)], batch, workers), device)
    part = None if dataset.test_mode or device != 'cpu' else AUTO_ON_CPU
    before = cpu_seconds()
    count = _use(_batches(dataset, draws[-images:], batch, workers), device, part)
    return count / (cpu_seconds() - before)


def _dataset(
    row: str, side: str, data_prefix: str, ann_file: str, packed: Optional[str]
) -> Any:
    evaluation = row == 'evaluation'
    preprocess = {'type': 'PatchGastricPipeline', **SIDES[side]}
    # The released evaluation augments; without that the comparison is fair.
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
    dataset.pending = True  # as build_dataloader sets it
    return list(islice(sampler, count))


def _batches(
    dataset: Any, draws: list[int], batch: int, workers: int
) -> Iterator[dict]:
    # As mmcls builds it, but finite: it reads nothing ahead that is not used, and the
    # workers' time is known after they have ended.
    loader = DataLoader(
        dataset,
        batch_size=batch,
        sampler=draws,
        num_workers=workers,
        multiprocessing_context=start_method(workers),
    )
    loader.collate_fn = partial(collate, samples_per_gpu=batch)
    if dataset.image_bytes and not dataset.test_mode:
        prepare_workers(loader, batch, dataset.image_bytes * batch)
    yield from loader


def _compile(dataset: Any) -> None:
    """Run one item, so that imports and compilation do not count."""
    cache, dataset.cache = dataset.cache, None
    for drawn in _draws(dataset, 1):
        _use(iter([collate([dataset[drawn]], samples_per_gpu=1)]))
    dataset.cache = cache


def _use(
    batches: Iterator[dict], device: str = 'cpu', part: Optional[int] = None
) -> int:
    """Take batches as far as the model's step does; return the number of images.

    A step on a CPU makes floats of some images at a time; see ``micro_batches``.
    """
    count, buffer = 0, ImageBuffer()
    for data in batches:
        img = data['img'].to(device)
        if img.dtype == torch.uint8:
            metas = data['img_metas'].data[0]
            size = part or len(img)
            for start in range(0, len(img), size):
                images = slice(start, start + size)
                normalize(img[images], metas[images], buffer)
        count += len(img)
    if device != 'cpu':
        torch.cuda.synchronize()
    return count


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and its ended children."""
    usages = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == '__main__':
    rate = measure(**json.loads(sys.argv[1]))
    print(json.dumps({'images_per_core_second': rate}))
