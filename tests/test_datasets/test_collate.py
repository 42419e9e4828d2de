"""Batches that augment their images hold what the items alone would."""

import gc
import json
import pickle
import sys
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from commands import run
from mmcv.parallel import DataContainer

from cite.datasets import PatchGastricCls3
from cite.datasets.builder import build_dataloader, collate
from cite.datasets.pipelines.augmentation import PendingPatch, passes_images
from cite.datasets.samplers import BalancedSampler, Draw
from cite.datasets.storage import batch_memory
from cite.datasets.storage.batch_memory import BatchMemory
from cite.models.classifiers.normalize import ImageBuffer, normalize

LINES = [(f'{"abc"[i % 3]}_{i}.jpg', i % 3) for i in range(9)]
PIPELINE = [
    {
        'type': 'PatchGastricPipeline',
        'size': 16,
        'saturation': [0.8, 1.2],
        'backend': 'fast',
    },
    {'type': 'ToTensor', 'keys': ['gt_label']},
    {'type': 'Collect', 'keys': ['img', 'gt_label']},
]


def make(files, pipeline=PIPELINE, **arguments):
    return PatchGastricCls3(pipeline=pipeline, **files, **arguments)


def training_loader(dataset, workers):
    """Build the loader that mmcls' train_model builds."""
    return build_dataloader(
        dataset,
        4,
        workers,
        num_gpus=1,
        dist=False,
        seed=0,
        pin_memory=False,
        persistent_workers=False,
    )


@pytest.mark.parametrize('cache', ['auto', 'off'])
@pytest.mark.parametrize('workers', [0, 2])
def test_batches_are_the_items_in_their_order(write_patches, workers, cache):
    files = write_patches(LINES)
    dataset = make(files, cache=cache, patch_balance=True)
    loader = training_loader(dataset, workers)
    draws = list(islice(iter(loader.sampler), 20))
    single = make(files, cache=cache, patch_balance=True)
    alone = [single[draw] for draw in draws]

    for i, batch in enumerate(islice(loader, 5)):
        items = alone[4 * i : 4 * i + 4]
        assert torch.equal(batch['img'], torch.stack([item['img'] for item in items]))
        assert batch['gt_label'].tolist() == [int(item['gt_label']) for item in items]
        assert isinstance(batch['img_metas'], DataContainer)
        names = [meta['filename'] for meta in batch['img_metas'].data[0]]
        assert names == [item['img_metas'].data['filename'] for item in items]
        assert normalize(batch['img'], batch['img_metas']).dtype == torch.float32


@pytest.mark.parametrize('workers', [0, 2])
def test_images_augmented_where_the_model_is_are_the_same(write_patches, workers):
    files = write_patches(LINES)
    later = [{**PIPELINE[0], 'augment_on': 'model'}, *PIPELINE[1:]]
    loaders = [training_loader(make(files, p), workers) for p in (PIPELINE, later)]

    for batch, waiting in islice(zip(*loaders), 5):
        assert not torch.equal(batch['img'], waiting['img'])
        assert torch.equal(
            normalize(batch['img'], batch['img_metas']),
            normalize(waiting['img'], waiting['img_metas']),
        )


@pytest.mark.parametrize(
    'arguments',
    [{'augment_on': 'gpu'}, {'augment_on': 'model', 'backend': 'pillow'}],
)
def test_another_place_to_augment_is_refused(write_patches, arguments):
    with pytest.raises(ValueError, match=r"augment_on='.*backend='fast', 'model'"):
        make(write_patches(LINES), [{**PIPELINE[0], **arguments}])


def test_a_step_that_would_meet_images_before_their_augmentation_is_refused(
    write_patches,
):
    later = {**PIPELINE[0], 'augment_on': 'model'}
    step = {'type': 'Normalize', 'mean': [0] * 3, 'std': [1] * 3, 'to_rgb': False}
    with pytest.raises(ValueError, match=r"no step may change images .*'workers'"):
        make(write_patches(LINES), [later, step, PIPELINE[2]])


# In a new process, because this one has used the loops already.
FORKED = """
import importlib, json, sys
import cite
from mmcls.datasets import build_dataset
from cite.models.classifiers.normalize import ImageBuffer, normalize
from cite.core import kernels
from cite.datasets.samplers import Draw
from cite.datasets.builder import build_dataloader
dataset = build_dataset(json.loads(sys.argv[1]))
loops = [kernels.jitter, kernels.resample_rows, kernels.normalize]
build = {'num_gpus': 1, 'dist': False, 'seed': 0, 'persistent_workers': False}
loader = build_dataloader(dataset, 4, int(sys.argv[2]), **build)
before = [len(loop.signatures) for loop in loops]
for _ in range(2):  # the second time out of the cache
    batch = loader.collate_fn([dataset[Draw(i % 9, i, 0)] for i in range(36)])
    normalize(batch['img'], batch['img_metas'])
print(before, [len(loop.signatures) for loop in loops])
"""


def test_workers_find_the_compiled_loops_loaded(write_patches):
    pytest.importorskip('numba')
    config = {'type': 'PatchGastricCls3', 'pipeline': PIPELINE, **write_patches(LINES)}
    command = (sys.executable, '-c', FORKED, json.dumps(config))

    assert '[2, 1, 1] [2, 1, 1]' in run(*command, 2)
    assert '[0, 0, 0] [2, 1, 1]' in run(*command, 0)  # no worker is forked


class Watched(PatchGastricCls3):
    """Items with the number of objects that the garbage collector skips."""

    def prepare_data(self, idx):
        seeded = int(np.random.get_state()[1][0])
        return {'img': torch.tensor([gc.get_freeze_count(), seeded])}


@pytest.mark.parametrize('workers', [0, 2])
def test_workers_leave_the_forked_heap_alone(write_patches, workers):
    dataset = Watched(pipeline=PIPELINE, **write_patches(LINES))
    loader = training_loader(dataset, workers)
    before = gc.get_freeze_count()  # a fork's, and Python 3.12 starts with some
    np.random.seed(7)
    frozen, seeds = next(iter(loader))['img'].T.tolist()

    assert (min(frozen) > before) == (workers > 0)
    assert seeds[0] == (0 if workers else 7)  # mmcls seeds its first worker with 0
    assert gc.get_freeze_count() == before


def test_only_the_loader_that_puts_them_together_gets_pending_patches(write_patches):
    dataset = make(write_patches(LINES))

    assert dataset[Draw(0, 0, 0)]['img'].shape == (3, 16, 16)
    dataset.pending = True  # the loader that puts batches together says so
    assert isinstance(dataset[Draw(0, 0, 0)]['img'], PendingPatch)
    assert dataset[0]['img'].shape == (3, 16, 16)


@pytest.mark.parametrize(
    'step',
    [
        {'type': 'Normalize', 'mean': [0] * 3, 'std': [1] * 3, 'to_rgb': False},
        {'type': 'ToTensor', 'keys': ['img']},
    ],
)
def test_a_step_that_changes_images_gets_them_augmented(write_patches, step):
    dataset = make(write_patches(LINES), [PIPELINE[0], step, PIPELINE[2]])

    assert not passes_images(dataset.pipeline.transforms)


def test_features_and_float_images_go_mmcv_s_way():
    items = [{'img': torch.full((2,), float(i))} for i in range(3)]

    assert collate(items, samples_per_gpu=3)['img'].tolist() == [[0, 0], [1, 1], [2, 2]]


@pytest.mark.parametrize('workers', [0, 2])
def test_the_image_that_replaces_an_unreadable_one_is_augmented_like_it(
    write_patches, workers
):
    files = write_patches(LINES)
    Path(files['data_prefix'], LINES[4][0]).write_bytes(b'not an image')
    Path(files['data_prefix'], LINES[7][0]).unlink()
    dataset = make(files, on_error='skip', patch_balance=True)
    loader = training_loader(dataset, workers)
    batches = torch.cat([batch['img'] for batch in islice(loader, 5)])

    assert [i for i in range(len(dataset)) if i in dataset.unreadable] == [4, 7]
    # LINES[1] alone is left of class 1; it is augmented as each draw says.
    draws = islice(iter(BalancedSampler(dataset, seed=0, balance='patch')), 20)
    dataset.pending = False
    for image, draw in zip(batches, draws):
        index = 1 if draw % 3 == 1 else int(draw)
        assert torch.equal(image, dataset[Draw(index, draw.k, draw.seed)]['img'])


def test_a_batch_s_memory_is_used_again_only_when_nobody_has_it():
    cfg = {'mean': [0.0] * 3, 'std': [255.0] * 3}
    white, black = (torch.full((2, 3, 8, 8), x, dtype=torch.uint8) for x in (255, 0))
    metas = [{'img_norm_cfg': cfg}] * 2
    buffer = ImageBuffer()
    first = normalize(white, metas, buffer)
    view = first[1:]
    address = first.data_ptr()
    del first

    second = normalize(black, metas, buffer)
    assert view.min() == 1  # still white
    assert second.data_ptr() != address
    address = second.data_ptr()
    del second
    assert normalize(white, metas, buffer).data_ptr() == address


def test_a_place_is_taken_again_when_its_tensor_is_gone_and_no_sooner(monkeypatch):
    worker = SimpleNamespace(id=1)
    monkeypatch.setattr(batch_memory, 'get_worker_info', lambda: worker)
    memory = BatchMemory(workers=2, size=8)
    handed = [memory.take((2, 4)) for _ in range(batch_memory.PLACES)]
    assert memory.take((2, 4)) is None  # all are taken
    handed[0].array[:] = 7
    arrived = pickle.loads(pickle.dumps(handed[0]))
    view = arrived[1:]
    assert arrived.tolist() == [[7] * 4] * 2
    del arrived
    assert memory.take((2, 4)) is None

    del view
    assert memory.take((2, 4)).place == handed[0].place
    worker.id = 0  # the other worker has places of its own
    assert memory.take((2, 4)).place not in {h.place for h in handed}
    assert memory.take((3, 4)) is None  # larger than a place
    monkeypatch.undo()
    assert memory.take((2, 4)) is None  # no worker


def test_batches_that_are_kept_stay_as_they_are(write_patches):
    dataset = make(write_patches(LINES))
    kept = [batch['img'] for batch in islice(training_loader(dataset, 2), 12)]
    again = torch.cat([b['img'] for b in islice(training_loader(dataset, 0), 12)])

    assert torch.equal(torch.cat(kept), again)


def test_each_image_is_normalised_by_its_own_statistics():
    images = torch.full((2, 3, 2, 2), 51, dtype=torch.uint8)  # 0.2 of 255
    plain = {'mean': [0.0] * 3, 'std': [255.0] * 3}
    other = {'mean': [25.5] * 3, 'std': [127.5] * 3}  # (0.2 - 0.1) / 0.5
    metas = [{'img_norm_cfg': plain}, {'img_norm_cfg': other}]

    assert torch.allclose(normalize(images, metas), torch.tensor(0.2))
    metas[1] = {'img_norm_cfg': {'mean': [25.5, 51.0, 0.0], 'std': [127.5] * 3}}
    second = normalize(images, metas)[1]
    assert torch.allclose(second[:, 0, 0], torch.tensor([0.2, 0.0, 0.4]), atol=1e-6)
