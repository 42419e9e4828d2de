import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

from cite.datasets.storage.features import FeatureDraws


@pytest.fixture
def saved(tmp_path):
    """Save arrays as the draws of one feature file, and return its prefix."""

    def save(*arrays, allow_pickle=False):
        prefix = str(tmp_path / 'train')
        for i, array in enumerate(arrays, 1):
            np.save(f'{prefix}_{i}.npy', array, allow_pickle=allow_pickle)
        return prefix

    return save


def some_draws(num_aug=3, num_patches=4, width=2):
    return np.random.default_rng(0).normal(size=(num_aug, num_patches, width))


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
def test_all_draws_of_a_patch(saved, dtype):
    draws = some_draws().astype(dtype)

    features = FeatureDraws(saved(*draws), 3, 4)

    for i in range(4):
        assert features[i].dtype == np.float32
        np.testing.assert_array_equal(features[i], draws[:, i].astype(np.float32))


def test_only_the_first_num_aug_files_are_used(saved):
    prefix = saved(*some_draws(3))

    assert FeatureDraws(prefix, 2, 4)[0].shape == (2, 2)


@pytest.mark.parametrize(
    'travel', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_worker_maps_the_files_itself(saved, travel):
    draws = some_draws(2, 5000, 8).astype(np.float32)
    features = FeatureDraws(saved(*draws), 2, 5000)

    assert len(pickle.dumps(features)) < 1000
    np.testing.assert_array_equal(travel(features)[4999], draws[:, 4999])


@pytest.mark.parametrize('num_aug', [None, 0])
def test_num_aug_must_be_given(saved, num_aug):
    with pytest.raises(ValueError, match=f'num_aug={num_aug}: give num_aug'):
        FeatureDraws(saved(*some_draws()), num_aug, 4)


def test_a_missing_file_is_named_with_the_number_asked_for(saved):
    with pytest.raises(FileNotFoundError, match=r'train_3\.npy: no such .* asks for 4'):
        FeatureDraws(saved(*some_draws(2)), 4, 4)


def test_features_of_another_annotation_file(saved):
    with pytest.raises(ValueError, match=r'train_1\.npy has 4 rows, .* 5 lines'):
        FeatureDraws(saved(*some_draws()), 3, 5)


def test_features_of_different_width(saved):
    with pytest.raises(
        ValueError, match=r'train_2\.npy .* width 3, .*train_1\.npy of .* 2'
    ):
        FeatureDraws(saved(np.zeros((4, 2)), np.zeros((4, 3))), 2, 4)


@pytest.mark.parametrize('array', [np.array([['a'] * 2] * 4), np.zeros((4, 2, 2))])
def test_features_are_a_table_of_numbers(saved, array):
    with pytest.raises(ValueError, match=r'train_1\.npy .* of type'):
        FeatureDraws(saved(array), 1, 4)


class Bomb:
    """Leaves a file behind when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_in_the_file_is_not_run(saved, tmp_path):
    objects = np.array([[Bomb(tmp_path / 'bombed')]], dtype=object)

    with pytest.raises(ValueError, match=r'train_1\.npy is damaged or not a NumPy arr'):
        FeatureDraws(saved(objects, allow_pickle=True), 1, 1)
    (tmp_path / 'train_1.npy').write_bytes(pickle.dumps(Bomb(tmp_path / 'bombed')))
    with pytest.raises(ValueError, match=r'train_1\.npy is damaged or not a NumPy arr'):
        FeatureDraws(str(tmp_path / 'train'), 1, 1)
    assert not (tmp_path / 'bombed').exists()


@pytest.mark.parametrize('keep', [0, 5, 100, 150])
def test_a_truncated_file_is_named(saved, tmp_path, keep):
    prefix = saved(np.zeros((4, 4)))
    content = (tmp_path / 'train_1.npy').read_bytes()
    (tmp_path / 'train_1.npy').write_bytes(content[:keep])

    with pytest.raises(ValueError, match=r'train_1\.npy is damaged or not a NumPy arr'):
        FeatureDraws(prefix, 1, 4)


def test_an_archive_is_not_an_array(saved, tmp_path):
    prefix = saved()
    with (tmp_path / 'train_1.npy').open('wb') as file:
        np.savez(file, np.zeros((4, 2)))

    with pytest.raises(ValueError, match=r'train_1\.npy'):
        FeatureDraws(prefix, 1, 4)
