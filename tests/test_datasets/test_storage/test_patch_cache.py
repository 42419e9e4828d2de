"""Each file is decoded once by all workers, and again when it has changed."""

import os
import pickle
from itertools import islice

import pytest
import torch
from mmcls.datasets.builder import build_dataloader

from cite.datasets import PatchGastricCls3, sampler_cfg_of
from cite.datasets.pipelines import pixels
from cite.datasets.storage.patch_cache import PatchCache, cache_limit

LINES = [(f'{"abc"[i % 3]}_{i}.jpg', i % 3) for i in range(9)]


def make(files, **arguments):
    preprocess = {'type': 'PatchGastricPipeline', 'size': 16, 'saturation': 0.2}
    pipeline = [
        {**preprocess, 'backend': arguments.pop('backend', 'fast')},
        {'type': 'ToTensor', 'keys': ['gt_label']},
        {'type': 'Collect', 'keys': ['img', 'gt_label']},
    ]
    return PatchGastricCls3(pipeline=pipeline, **files, **arguments)


def loader_of(dataset, workers):
    cfg = {**sampler_cfg_of(dataset), 'samples_per_replica': 3}
    return build_dataloader(
        dataset,
        samples_per_gpu=3,
        workers_per_gpu=workers,
        dist=False,
        seed=0,
        pin_memory=False,
        persistent_workers=False,
        sampler_cfg=cfg,
    )


def take(dataset, workers, batches):
    return [batch['img'] for batch in islice(loader_of(dataset, workers), batches)]


def spoil(files):
    """Replace the content of all patches; their sizes and times stay."""
    for name, _ in LINES:
        path = os.path.join(files['data_prefix'], name)
        status = os.stat(path)
        with open(path, 'wb') as file:
            file.write(b'0' * status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize('workers', [0, 2])
def test_with_or_without_it_the_images_are_the_same(write_patches, workers):
    files = write_patches(LINES)

    kept = take(make(files), workers, 9)

    assert torch.equal(torch.cat(kept), torch.cat(take(make(files, cache='off'), 0, 9)))


@pytest.mark.parametrize('workers', [0, 2])
def test_a_file_is_read_once_and_kept_for_all_workers(write_patches, workers):
    files = write_patches(LINES)
    expected = take(make(files), 0, 9)
    dataset = make(files)
    first = take(dataset, workers, 3)  # one pass
    spoil(files)

    # Other workers, forked after the first are gone, find what those have read.
    again = take(dataset, workers, 9)

    assert torch.equal(torch.cat(first), torch.cat(expected[:3]))
    assert torch.equal(torch.cat(again), torch.cat(expected))


@pytest.mark.parametrize('workers', [0, 1])
def test_a_few_slide_run_decodes_each_file_once(write_patches, monkeypatch, workers):
    dataset = make(write_patches(LINES))
    count = torch.zeros(1, dtype=torch.int64).share_memory_()
    decode = pixels._decode_jpeg

    def counted(results):
        count.add_(1)
        return decode(results)

    monkeypatch.setattr(pixels, '_decode_jpeg', counted)
    batches = take(dataset, workers, 30)  # 90 draws of 9 files

    assert int(count) == 9
    # A byte a value travels, a quarter of what float images need.
    assert all(batch.dtype == torch.uint8 for batch in batches)
    assert batches[0].element_size() * batches[0].numel() == 3 * (3 * 16 * 16)


def test_it_stays_within_its_limit(write_patches):
    files = write_patches(LINES)
    dataset = make(files, cache=5 * (3 * 16 * 16 + 16))
    take(dataset, 0, 3)
    spoil(files)

    for i in range(5):
        dataset[i]
    for i in range(5, 9):
        with pytest.raises(ValueError, match='truncated, or not an image'):
            dataset[i]


def test_a_file_that_has_changed_is_read_again(write_patches):
    files = write_patches(LINES)
    dataset = make(files)
    take(dataset, 0, 3)
    path = os.path.join(files['data_prefix'], LINES[0][0])
    with open(path, 'ab') as file:
        file.truncate(100)

    with pytest.raises(ValueError, match='truncated, or not an image'):
        dataset[0]
    os.remove(path)
    with pytest.raises(FileNotFoundError, match='no such patch'):
        dataset[0]


def test_an_item_is_not_the_cache_s_own_memory(write_patches):
    cache = make(write_patches(LINES)).cache
    results = {'cache_index': 0, 'img_info': {'filename': __file__}}
    planes = torch.arange(3 * 16 * 16).reshape(3, 16, 16).byte().numpy()

    assert cache.fetch(results, lambda: planes) is planes
    kept = cache.fetch(results, lambda: None)

    assert (kept == planes).all()
    assert not kept.flags.writeable


def test_evaluation_and_pillow_s_backend_keep_nothing(write_patches):
    files = write_patches(LINES)

    assert make(files, test_mode=True).cache is None
    assert make(files, backend='pillow').cache is None
    assert make(files, cache='off').cache is None


def test_a_pickled_cache_goes_without_memory():
    cache = pickle.loads(pickle.dumps(PatchCache(4, 16, 10**6)))

    results = {'cache_index': 0, 'img_info': {'filename': __file__}}
    assert cache.fetch(results, lambda: 0) == 0
    assert cache.fetch(results, lambda: 1) == 1


def test_limits_in_words():
    assert cache_limit('4GB') == 4 * 10**9
    assert cache_limit('1.5 mb') == 1_500_000
    assert cache_limit(12) == 12
    assert cache_limit(None) == cache_limit('off') == 0
    assert cache_limit('auto') > 0
    with pytest.raises(ValueError, match="cache='much'"):
        cache_limit('much')
