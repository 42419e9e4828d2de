from itertools import islice

import numpy as np
import pytest
from mmcls.datasets.builder import build_dataloader, build_sampler
from torch.utils.data import Dataset

from cite.datasets.samplers import BalancedSampler, sampler_cfg_of


class Patches(Dataset):
    """Seven patches of two classes, in four slides."""

    CLASSES = ('benign', 'malignant')
    ann_file = 'ann.txt'
    labels = np.array([0, 0, 0, 0, 1, 1, 1])
    bags = np.array(list('aabbccd'))

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return {'index': int(index)}

    def get_gt_labels(self):
        return self.labels

    def get_bags(self):
        return self.bags


def draws(stop, skip=0, **arguments):
    return list(islice(BalancedSampler(Patches(), **arguments), skip, stop))


@pytest.mark.parametrize('balance', [None, 'patch', 'slide'])
def test_start_goes_on_where_a_run_was_cut(balance):
    whole = draws(100, seed=3, balance=balance)
    rest = draws(40, seed=3, balance=balance, start=60)

    assert rest == whole[60:]
    assert [draw.k for draw in rest] == list(range(60, 100))
    assert {draw.seed for draw in rest} == {3}


@pytest.mark.parametrize('balance', [None, 'patch', 'slide'])
@pytest.mark.parametrize(('num_replicas', 'batch'), [(2, 1), (2, 4), (3, 2)])
def test_ranks_together_see_the_batches_of_one(balance, num_replicas, batch):
    one = draws(10 * num_replicas * batch, seed=0, balance=balance)
    ranks = [
        draws(
            10 * batch,
            num_replicas=num_replicas,
            rank=rank,
            samples_per_replica=batch,
            seed=0,
            balance=balance,
        )
        for rank in range(num_replicas)
    ]

    together = [
        draw
        for j in range(10)
        for rank in ranks
        for draw in rank[j * batch : (j + 1) * batch]
    ]
    assert together == one
    assert [draw.k for draw in together] == list(range(len(one)))


def test_ranks_resume_too():
    arguments = {'num_replicas': 2, 'rank': 1, 'samples_per_replica': 4, 'seed': 0}

    assert draws(12, **arguments, start=8) == draws(20, 8, **arguments)


@pytest.mark.parametrize('workers', [0, 2])
def test_no_epoch_ends_in_mmcls_data_loader(workers):
    cfg = {'type': 'BalancedSampler', 'balance': 'patch', 'samples_per_replica': 4}
    loader = build_dataloader(
        Patches(),
        samples_per_gpu=4,
        workers_per_gpu=workers,
        dist=False,
        seed=0,
        pin_memory=False,
        persistent_workers=workers > 0,
        sampler_cfg=cfg,
    )

    drawn = [i for batch in islice(loader, 25) for i in batch['index'].tolist()]

    assert drawn == draws(100, seed=0, balance='patch')
    assert len(loader) == 2  # one pass: 7 patches in batches of 4


def test_length_is_a_rank_s_share_of_a_pass():
    assert len(BalancedSampler(Patches())) == 7
    assert len(BalancedSampler(Patches(), num_replicas=2)) == 4


def test_not_endless_it_ends_after_a_pass_and_then_goes_on():
    sampler = BalancedSampler(Patches(), seed=0, endless=False)
    endless = draws(21, seed=0)

    assert [list(sampler) for _ in range(3)] == [
        endless[:7],
        endless[7:14],
        endless[14:],
    ]
    sampler.set_epoch(1)
    assert list(sampler) == endless[7:14]


def test_without_a_seed_runs_differ():
    assert draws(40) != draws(40)


def test_mmcls_words_build_it():
    cfg = {'type': 'BalancedSampler', 'balance': 'slide', 'shuffle': True}
    defaults = {'dataset': Patches(), 'num_replicas': 1, 'rank': 0, 'seed': 0}

    sampler = build_sampler(cfg, defaults)

    assert list(islice(sampler, 20)) == draws(20, seed=0, balance='slide')


@pytest.mark.parametrize('balance', ['patch', 'slide'])
def test_a_class_without_patches_is_named_with_its_file(balance):
    dataset = Patches()
    dataset.CLASSES = ('benign', 'malignant', 'other')

    with pytest.raises(ValueError, match=r'ann\.txt: no patch of class 2 \(other\)'):
        BalancedSampler(dataset, balance=balance)
    assert len(list(islice(BalancedSampler(dataset), 10))) == 10


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'balance': 'class'}, "'class'; known are None, 'patch' and 'slide'"),
        ({'rank': 2, 'num_replicas': 2}, 'rank=2'),
        ({'samples_per_replica': 0}, 'samples_per_replica=0'),
        ({'start': -1}, 'start=-1'),
        ({'seed': -1}, 'seed=-1'),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        BalancedSampler(Patches(), **arguments)


def test_slide_balance_needs_slides():
    class NoSlides(Patches):
        get_bags = property()

    with pytest.raises(TypeError, match=r'NoSlides has no get_bags\(\)'):
        BalancedSampler(NoSlides(), balance='slide')


def test_other_data_sets_ask_for_no_sampler():
    assert sampler_cfg_of(Patches()) is None
