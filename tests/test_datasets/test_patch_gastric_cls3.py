import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcls.datasets.builder import build_dataset
from PIL import Image
from torch.utils.data import DataLoader

from cite.datasets import PatchGastricCls3, sampler_cfg_of
from cite.datasets.pipelines import UnreadablePatchError

# The released configs' pipelines.
TRAIN = [
    {'type': 'PatchGastricPipeline'},
    {'type': 'ToTensor', 'keys': ['gt_label']},
    {'type': 'Collect', 'keys': ['img', 'gt_label']},
]
TEST = [
    {'type': 'PatchGastricPipeline', 'test_mode': False},
    {'type': 'Collect', 'keys': ['img']},
]
LINES = [('a_0.jpg', 0), ('a_1.jpg', 0), ('b_0.jpg', 1), ('c_0.jpg', 2), ('c_1.jpg', 2)]


@pytest.fixture
def files(write_patches):
    return write_patches(LINES)


def test_the_released_training_config(files):
    dataset = build_dataset({'type': 'PatchGastricCls3', 'pipeline': TRAIN, **files})

    item = dataset[3]

    assert len(dataset) == 5
    assert item['img'].shape == (3, 224, 224)
    assert item['gt_label'].item() == 2
    assert item['gt_label'].dtype == torch.int64
    assert item['img_metas'].data['filename'] == files['data_prefix'] + '/c_0.jpg'


def test_the_released_test_config_is_deterministic(files):
    config = {'type': 'PatchGastricCls3', 'pipeline': TEST, **files}

    dataset = build_dataset(config, {'test_mode': True})

    assert torch.equal(dataset[0]['img'], dataset[0]['img'])
    assert set(dataset[0]) == {'img', 'img_metas'}


def test_the_released_pipeline_augments_in_testing_too(files):
    pipeline = [{**TEST[0], 'released': True}, TEST[1]]
    dataset = PatchGastricCls3(pipeline=pipeline, test_mode=True, **files)

    images = [dataset[0]['img'] for _ in range(4)]

    assert not any(torch.equal(images[0], image) for image in images[1:])


def test_the_released_description_of_an_image(files):
    dataset = PatchGastricCls3(pipeline=TRAIN, **files)

    info = dataset.data_infos[2]

    assert info['img_prefix'] is None
    assert info['img_info'] == {'filename': files['data_prefix'] + '/b_0.jpg'}
    assert info['gt_label'] == np.array(1)
    assert info['gt_label'].dtype == np.int64
    assert info['bag'] == 'b'


def test_a_pipeline_cannot_change_the_data_set(files):
    def spoil(results):
        results['img_info']['filename'] = 'other'
        results['gt_label'] += 1
        del results['bag']
        return results

    dataset = PatchGastricCls3(pipeline=[spoil], **files)
    before = copy.deepcopy(dataset.data_infos)

    assert dataset[0]['gt_label'] == 1
    assert dataset.data_infos == before


def test_it_reaches_a_worker_that_is_spawned(files):
    dataset = PatchGastricCls3(pipeline=TEST, test_mode=True, **files)

    copied = pickle.loads(pickle.dumps(dataset))

    assert torch.equal(copied[0]['img'], dataset[0]['img'])


def test_mmcls_own_loader_reads_the_patches(files):
    pipeline = [{'type': 'LoadImageFromFile'}]
    dataset = PatchGastricCls3(pipeline=pipeline, **files)

    assert dataset[1]['img'].shape == (40, 40, 3)


def test_a_last_line_without_a_newline_is_read(files):
    path = Path(files['ann_file'])
    path.write_text(path.read_text().rstrip('\n'))

    assert len(PatchGastricCls3(pipeline=TRAIN, **files)) == 5


def test_items_are_in_the_order_of_the_file(files):
    Path(files['ann_file']).write_text('c_1.jpg 2\na_1.jpg 0\nb_0.jpg 1\n')
    dataset = PatchGastricCls3(pipeline=TRAIN, **files)

    assert [dataset[i]['gt_label'].item() for i in range(3)] == [2, 0, 1]
    assert dataset.get_bags().tolist() == ['c', 'a', 'b']
    assert dataset.get_gt_labels().tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ('arguments', 'balance'),
    [
        ({}, None),
        ({'patch_balance': True}, 'patch'),
        ({'slide_balance': True, 'patient_level': True}, 'slide'),
    ],
)
def test_the_sampler_that_a_training_set_asks_for(files, arguments, balance):
    dataset = PatchGastricCls3(pipeline=TRAIN, **files, **arguments)
    tested = PatchGastricCls3(pipeline=TEST, test_mode=True, **files, **arguments)

    assert sampler_cfg_of(dataset) == {'type': 'BalancedSampler', 'balance': balance}
    assert sampler_cfg_of(tested) is None


def test_both_balances_are_refused(files):
    with pytest.raises(ValueError, match='slide_balance and patch_balance exclude'):
        PatchGastricCls3(True, True, True, pipeline=TRAIN, **files)


def test_classes_default_to_patchgastric_s_three(files):
    dataset = PatchGastricCls3(pipeline=TRAIN, **files)

    assert [name.split()[0] for name in dataset.CLASSES] == [
        'Well',
        'Moderately',
        'Poorly',
    ]


@pytest.mark.parametrize(
    ('name', 'content'),
    [
        ('classes.txt', 'one\ntwo\nthree\n\nfour\n'),
        ('classes.yml', 'one:\ntwo:\nthree: [3a, 3b]\nfour: "4"\n'),
        (None, ['one', 'two', 'three', 'four']),
    ],
)
def test_own_classes(files, tmp_path, name, content):
    classes = content
    if name:
        classes = str(tmp_path / name)
        Path(classes).write_text(content)
    with Path(files['ann_file']).open('a') as file:
        file.write('d_0.jpg 3\n')

    dataset = PatchGastricCls3(pipeline=TRAIN, classes=classes, **files)

    assert list(dataset.CLASSES) == ['one', 'two', 'three', 'four']
    assert dataset.get_gt_labels()[-1] == 3


def test_a_label_beyond_the_classes_is_named_with_its_line(files):
    with pytest.raises(ValueError, match=r'ann\.txt:4: the label 2 is out of range'):
        PatchGastricCls3(pipeline=TRAIN, classes=['one', 'two'], **files)


def test_a_slide_with_two_labels_is_named_with_two_lines(files):
    with Path(files['ann_file']).open('a') as file:
        file.write('b_1.jpg 0\n')

    with pytest.raises(ValueError, match=r"slide 'b' .* in line 3 .* in line 6"):
        PatchGastricCls3(pipeline=TRAIN, **files)


def test_no_annotation_file(files):
    with pytest.raises(ValueError, match='ann_file is missing'):
        PatchGastricCls3(pipeline=TRAIN, data_prefix=files['data_prefix'])
    with pytest.raises(FileNotFoundError, match=r'other\.txt: no such annotation file'):
        PatchGastricCls3(pipeline=TRAIN, data_prefix='', ann_file='other.txt')


@pytest.mark.parametrize('pipeline', [TRAIN, [{'type': 'LoadImageFromFile'}]])
def test_a_missing_patch_is_named_with_its_line(files, pipeline):
    (Path(files['data_prefix']) / 'b_0.jpg').unlink()
    dataset = PatchGastricCls3(pipeline=pipeline, **files)

    with pytest.raises(FileNotFoundError, match=r'b_0\.jpg.*ann\.txt:3\. Restore'):
        dataset[2]


def test_a_truncated_patch_is_named_with_its_line(files):
    patch = Path(files['data_prefix']) / 'c_1.jpg'
    patch.write_bytes(patch.read_bytes()[:300])
    dataset = PatchGastricCls3(pipeline=TRAIN, **files)

    for index in (4, -1):
        with pytest.raises(UnreadablePatchError, match=r'c_1\.jpg.*ann\.txt:5\. Resto'):
            dataset[index]


@pytest.mark.parametrize('keep', [0, 300, None])
def test_a_worker_s_traceback_ends_in_the_sentence(files, keep):
    patch = Path(files['data_prefix']) / 'c_1.jpg'
    if keep is None:
        patch.unlink()
    else:
        patch.write_bytes(patch.read_bytes()[:keep])
    dataset = PatchGastricCls3(pipeline=TEST, test_mode=True, **files)

    with pytest.raises((OSError, UnreadablePatchError)) as raised:
        list(DataLoader(dataset, batch_size=2, num_workers=1, collate_fn=list))

    last = str(raised.value).strip().splitlines()[-1]
    assert re.search(r'c_1\.jpg.*ann\.txt:5\. Restore the file', last)


@pytest.fixture
def draws(tmp_path):
    """Three draws of features of width 2, saved; draw i of patch n is (i, n)."""
    values = np.array([[(i, n) for n in range(5)] for i in range(1, 4)], np.float16)
    for i, draw in enumerate(values, 1):
        np.save(tmp_path / f'features_{i}.npy', draw)
    return {'feature_file': str(tmp_path / 'features'), 'num_aug': 3}


def test_features_take_the_place_of_images(files, draws):
    files['data_prefix'] = 'no/such/folder'
    training = PatchGastricCls3(pipeline=TRAIN, **draws, **files)
    evaluation = PatchGastricCls3(pipeline=TEST, test_mode=True, **draws, **files)

    trained = {tuple(training[3]['img'].tolist()) for _ in range(60)}
    evaluated = {tuple(evaluation[3]['img'].tolist()) for _ in range(20)}

    assert trained == {(1, 3), (2, 3), (3, 3)}
    assert evaluated == {(1, 3)}
    assert training[0]['img'].dtype == torch.float32
    assert training[3]['gt_label'].item() == 2


def test_a_released_pipeline_finds_all_draws(files, draws):
    dataset = PatchGastricCls3(pipeline=[dict], **draws, **files)

    np.testing.assert_array_equal(dataset[4]['feature'], [[1, 4], [2, 4], [3, 4]])


def test_features_need_num_aug_and_fit_the_annotation_file(files, draws):
    with pytest.raises(ValueError, match='give num_aug'):
        PatchGastricCls3(pipeline=TRAIN, feature_file=draws['feature_file'], **files)
    with Path(files['ann_file']).open('a') as file:
        file.write('d_0.jpg 0\n')
    with pytest.raises(ValueError, match='5 rows, the annotation file 6 lines'):
        PatchGastricCls3(pipeline=TRAIN, **draws, **files)


def test_images_in_memory_need_no_file(files):
    def in_memory(results):
        return {**results, 'img_pil': Image.new('RGB', (9, 9))}

    Path(files['data_prefix']).rename(files['data_prefix'] + '_moved')

    assert PatchGastricCls3(pipeline=[in_memory, *TRAIN], **files)[0]['img'].shape
