"""Slides as bags of features."""

import hashlib
import itertools
import json

import numpy as np
import pytest
from mmcls.datasets import build_dataloader, build_dataset

import cite  # noqa: F401

SIZES = {'b': (1, 2), 'a': (0, 5), 'c': (1, 3)}  # label and patches of each slide


@pytest.fixture
def bags(tmp_path):
    """Return a function that builds the data set; a feature is its line's number."""
    lines = [
        f'{slide}_{i}_0 {label}'
        for slide, (label, n) in SIZES.items()
        for i in range(n)
    ]
    (tmp_path / 'f.txt').write_text('\n'.join(lines) + '\n')
    values = np.arange(1, len(lines) + 1, dtype=np.float32)
    np.save(tmp_path / 'f_1.npy', np.stack([values, -values], 1))

    def build(test_mode=False, **changes):
        keys = ['img'] if test_mode else ['img', 'gt_label']
        cfg = {
            'type': 'SlideBags',
            'data_prefix': '',
            'ann_file': str(tmp_path / 'f.txt'),
            'classes': ['x', 'y'],
            'feature_file': str(tmp_path / 'f'),
            'num_aug': 1,
            'pipeline': [
                {'type': 'ToTensor', 'keys': keys},
                {'type': 'Collect', 'keys': keys},
            ],
            **changes,
        }
        return build_dataset(cfg, {'test_mode': test_mode})

    return build


def test_an_evaluated_slide_has_all_its_patches(bags):
    data = bags(test_mode=True)
    assert data.get_bags().tolist() == [*'abc']
    assert data.get_gt_labels().tolist() == [0, 1, 1]
    found = [data[i]['img'][:, 0].tolist() for i in range(3)]
    assert found == [[3, 4, 5, 6, 7], [1, 2, 0, 0, 0], [8, 9, 10, 0, 0]]


def test_features_of_a_note_are_checked_line_by_line(bags, tmp_path):
    """As `cite import-features` writes it: the digest of the patches' lines."""
    digest = hashlib.sha256((tmp_path / 'f.txt').read_bytes()).hexdigest()
    note = {'annotation': {'digest': digest}, 'backbone': {}}
    (tmp_path / 'f.json').write_text(json.dumps(note))
    assert bags(data_prefix='somewhere').filenames() == [*'abc']
    note['annotation']['digest'] = '0'
    (tmp_path / 'f.json').write_text(json.dumps(note))
    with pytest.raises(ValueError, match='Extract the features again'):
        bags()


def test_training_takes_some_patches_of_the_slide_each_once(bags):
    data = bags(patches=3)
    seen = set()
    for _ in range(20):
        values = data[0]['img'][:, 0].tolist()
        assert len({*values}) == 3
        seen.update(values)
    assert seen == {3, 4, 5, 6, 7}


def test_a_loader_draws_classes_in_rotation_the_same_for_a_seed(bags):
    def batches(seed):
        data = bags(patches=3, slide_balance=True)
        loader = build_dataloader(
            data, samples_per_gpu=2, workers_per_gpu=0, dist=False, seed=seed
        )
        some = itertools.islice(loader, 4)  # the sampler is endless
        return [(b['img'].numpy(), b['gt_label'].tolist()) for b in some]

    first, again = batches(1), batches(1)
    assert [sorted(labels) for _, labels in first] == [[0, 1]] * 4
    for (images, labels), (same, equal) in zip(first, again):
        np.testing.assert_array_equal(images, same)
        assert labels == equal


def test_metrics_are_those_of_slides(bags):
    scores = [np.array([0.9, 0.1]), np.array([0.6, 0.4]), np.array([0.2, 0.8])]
    data = bags(test_mode=True)
    found = data.evaluate(scores, ['accuracy', 'mean_bag_accuracy'])
    assert found['accuracy'] == pytest.approx(200 / 3)
    assert found['mean_bag_accuracy'] == pytest.approx(75)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'feature_file': None}, 'SlideBags needs feature_file'),
        ({'patches': 0}, 'patches=0; give a whole number'),
    ],
)
def test_what_makes_no_sense_is_refused(bags, changes, message):
    with pytest.raises(ValueError, match=message):
        bags(**changes)
