"""The images of a run depend on the config, the data and the seed alone."""

import random
from itertools import islice

import pytest
import torch
from mmcls.datasets.builder import build_dataloader

from cite.core.seeding import SEEDINGS, random_state
from cite.datasets import BalancedSampler, PatchGastricCls3, sampler_cfg_of
from cite.datasets.pipelines import PatchGastricPipeline
from cite.datasets.samplers import Draw
from cite.models.classifiers.normalize import normalize

PIPELINE = [
    {'type': 'PatchGastricPipeline', 'size': 16, 'saturation': 0.2},
    {'type': 'ToTensor', 'keys': ['gt_label']},
    {'type': 'Collect', 'keys': ['img', 'gt_label']},
]
LINES = [(f'{"abcdef"[s]}_{p}.jpg', s % 3) for s in range(6) for p in range(s + 2)]


def make(files, backend, seeding='v2'):
    pipeline = [{**PIPELINE[0], 'backend': backend}, *PIPELINE[1:]]
    return PatchGastricCls3(
        slide_balance=True, pipeline=pipeline, seeding=seeding, **files
    )


@pytest.fixture(params=[(b, s) for b in ('pillow', 'fast') for s in SEEDINGS])
def dataset(write_patches, request):
    return make(write_patches(LINES), *request.param)


def images(dataset, workers, batches=6, seed=0, **sampler):
    cfg = {**sampler_cfg_of(dataset), 'samples_per_replica': 4, **sampler}
    loader = build_dataloader(
        dataset,
        samples_per_gpu=4,
        workers_per_gpu=workers,
        dist=False,
        seed=seed,
        pin_memory=False,
        persistent_workers=False,
        sampler_cfg=cfg,
    )
    return torch.cat([batch['img'] for batch in islice(loader, batches)])


@pytest.fixture
def expected(dataset):
    return images(dataset, workers=0)


@pytest.mark.parametrize('workers', [1, 3])
def test_any_number_of_workers_gives_the_same_images(dataset, expected, workers):
    torch.manual_seed(workers)

    assert torch.equal(images(dataset, workers), expected)


def test_a_run_that_goes_on_gives_the_same_images(dataset, expected):
    rest = images(dataset, workers=1, batches=3, start=12)

    assert torch.equal(rest, expected[12:])


def test_two_ranks_together_see_the_images_of_one(dataset, expected):
    ranks = [
        images(
            dataset,
            workers=0,
            batches=6,
            samples_per_replica=2,
            num_replicas=2,
            rank=rank,
        )
        for rank in range(2)
    ]

    halves = [rank.view(12, 2, *rank.shape[1:]) for rank in ranks]
    together = torch.cat(halves, dim=1).flatten(0, 1)
    assert torch.equal(together[:24], expected)


def test_another_seed_gives_other_images(dataset, expected):
    assert not torch.equal(images(dataset, workers=0, seed=1), expected)


def test_a_patch_is_augmented_anew_each_time(dataset):
    seen = images(dataset, workers=0, batches=30)

    assert len({image.numpy().tobytes() for image in seen}) == len(seen)


def test_the_run_s_own_random_numbers_are_left_alone(dataset):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)

    for draw in islice(BalancedSampler(dataset, seed=0), 3):
        dataset[draw]

    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize('seeding', SEEDINGS)
def test_both_backends_augment_a_draw_alike(write_patches, seeding):
    files = write_patches(LINES)
    pillow, fast = (make(files, backend, seeding) for backend in ('pillow', 'fast'))
    for k in range(100):
        draw = Draw(k % len(fast), k, seed=3)
        item = fast[draw]
        one = normalize(item['img'][None], [item['img_metas'].data])
        assert torch.equal(one[0], pillow[draw]['img'])


def test_the_first_seeding_is_that_of_the_libraries_random_numbers(write_patches):
    files = write_patches(LINES)
    first, second = make(files, 'fast', 'v1'), make(files, 'fast')
    same = 0
    for k in range(20):
        with random_state(0, k):
            expected = first[k]['img']
        assert torch.equal(first[Draw(k, k, 0)]['img'], expected)
        same += torch.equal(second[Draw(k, k, 0)]['img'], expected)
    assert same == 0


class Shifted(PatchGastricPipeline):
    """A pipeline of somebody else, with random numbers of its own."""

    def __call__(self, results):
        results = super().__call__(results)
        results['img'] = results['img'] + torch.rand(()) + random.random()
        return results


def test_random_numbers_of_other_steps_depend_on_the_draw_alone(write_patches):
    dataset = make(write_patches(LINES), 'pillow')
    dataset.pipeline.transforms[0] = Shifted(size=16)
    torch.manual_seed(1)
    first = dataset[Draw(4, 5, 6)]['img']
    torch.manual_seed(2)
    assert torch.equal(dataset[Draw(4, 5, 6)]['img'], first)


def test_another_name_of_a_seeding_is_refused(write_patches):
    with pytest.raises(ValueError, match="seeding='v3'; known are v1, v2"):
        make(write_patches(LINES), 'fast', 'v3')
