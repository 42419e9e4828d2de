"""on_error: an image that cannot be read is named, or replaced and counted."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from damaged_images import png_with_short_chunk
from mmcls.apis import set_random_seed, single_gpu_test, train_model
from mmcls.datasets import build_dataloader, build_dataset
from mmcls.models import build_classifier
from mmcv import Config
from mmcv.parallel import MMDataParallel

from cite.core.hooks import ReplacedImagesHook
from cite.core.seeding import SEEDINGS
from cite.datasets import PatchGastricCls3
from cite.datasets.pipelines import UnreadablePatchError
from cite.datasets.samplers import BalancedSampler, Draw
from cite.models.classifiers.normalize import normalize

TRAIN = [
    {'type': 'PatchGastricPipeline', 'size': 8},
    {'type': 'ToTensor', 'keys': ['gt_label']},
    {'type': 'Collect', 'keys': ['img', 'gt_label']},
]
TEST = [TRAIN[0], {'type': 'Collect', 'keys': ['img']}]
FAST = [{**TRAIN[0], 'backend': 'fast'}, TEST[1]]
LINES = [(f's{c}x{s}_{p}.jpg', c) for c in range(3) for s in range(2) for p in range(3)]
BAD = (1, 2, 7)  # s0x0_1, s0x0_2, s1x0_1


@pytest.fixture
def files(write_patches, tmp_path):
    files = write_patches(LINES)
    for i in BAD:
        path = tmp_path / 'patches_captions' / LINES[i][0]
        path.write_bytes(path.read_bytes()[:300])
    (tmp_path / 'patches_captions' / LINES[7][0]).unlink()
    return files


def dataset(files, **kwargs):
    return PatchGastricCls3(pipeline=kwargs.pop('pipeline', TRAIN), **files, **kwargs)


def test_by_default_the_file_and_its_line_are_named(files):
    with pytest.raises(UnreadablePatchError, match=r's0x0_1\.jpg: .*ann\.txt:2'):
        dataset(files)[1]
    with pytest.raises(FileNotFoundError, match=r's1x0_1\.jpg: .*ann\.txt:8'):
        dataset(files)[7]


@pytest.mark.parametrize('seeding', SEEDINGS)
@pytest.mark.parametrize('backend', ['pillow', 'fast'])
def test_the_next_readable_patch_of_the_class_takes_its_place(files, backend, seeding):
    pipeline = [{**TRAIN[0], 'backend': backend}, *TRAIN[1:]]
    whole = dataset(files, pipeline=pipeline, seeding=seeding)
    skipping = dataset(files, pipeline=pipeline, on_error='skip', seeding=seeding)
    for index, stand_in in ((1, 3), (2, 3), (7, 8)):
        got = skipping[Draw(index, 5, 0)]
        wanted = whole[Draw(stand_in, 5, 0)]  # with the augmentation of the draw
        assert torch.equal(got['img'], wanted['img'])
        assert got['gt_label'] == LINES[index][1]
    assert [i for i in range(len(skipping)) if i in skipping.unreadable] == [1, 2, 7]


@pytest.mark.parametrize('backend', ['pillow', 'fast'])
def test_a_patch_that_is_damaged_after_its_pixels_is_skipped(files, tmp_path, backend):
    patch = tmp_path / 'patches_captions' / LINES[12][0]
    patch.write_bytes(png_with_short_chunk())
    pipeline = [{**TRAIN[0], 'backend': backend}, *TRAIN[1:]]
    skipping = dataset(files, pipeline=pipeline, on_error='skip')
    assert skipping[12]['gt_label'] == LINES[12][1]
    assert [i for i in range(len(skipping)) if i in skipping.unreadable] == [12]


def test_a_class_without_a_readable_patch_is_an_error(files, tmp_path):
    for name, label in LINES:
        if label == 2:
            (tmp_path / 'patches_captions' / name).write_bytes(b'no image')
    with pytest.raises(
        UnreadablePatchError, match=r'ann\.txt:13.*no patch of this class'
    ):
        dataset(files, on_error='skip')[12]


def test_other_words_are_refused(files):
    with pytest.raises(ValueError, match=r"on_error='ignore'; it is 'raise' or 'skip'"):
        dataset(files, on_error='ignore')


def config(files, work_dir, workers):
    return Config(
        {
            'model': {
                'type': 'ImageClassifier',
                'backbone': {'type': 'ResNet_CIFAR', 'depth': 18, 'base_channels': 8},
                'neck': {'type': 'GlobalAveragePooling'},
                'head': {
                    'type': 'MyLinearClsHead',
                    'num_classes': 3,
                    'in_channels': 64,
                },
            },
            'data': {
                'samples_per_gpu': 4,
                'workers_per_gpu': workers,
                'train': dict(
                    type='PatchGastricCls3',
                    pipeline=TRAIN,
                    patch_balance=True,
                    on_error='skip',
                    **files,
                ),
            },
            'optimizer': {'type': 'SGD', 'lr': 0.1},
            'optimizer_config': {'grad_clip': None},
            'lr_config': {'policy': 'fixed'},
            'checkpoint_config': None,
            'log_config': {'interval': 5, 'hooks': [{'type': 'TextLoggerHook'}]},
            'runner': {'type': 'IterBasedRunner', 'max_iters': 11},
            'log_level': 'INFO',
            'load_from': None,
            'resume_from': None,
            'workflow': [('train', 1)],
            'work_dir': str(work_dir),
            'gpu_ids': [0],
            'seed': 3,
            'device': 'cpu',
        }
    )


@pytest.mark.parametrize('workers', [0, 3])
def test_training_reports_the_count(files, tmp_path, workers, caplog):
    cfg = config(files, tmp_path / 'run', workers)
    set_random_seed(3)
    model = build_classifier(cfg.model)
    train_model(model, build_dataset(cfg.data.train), cfg, device='cpu')
    # From outside: the draws of 11 batches of 4 that fell on a bad file.
    order = iter(BalancedSampler(dataset(files), seed=3, balance='patch'))
    wanted = sum(int(next(order)) in BAD for _ in range(44))
    assert wanted > 0
    printed = caplog.text
    counts = re.findall(r'(\d+) images of this run could not be read', printed)
    assert counts == [str(wanted)]
    assert '3 files, such as' in printed


# Reports alone are due at 5 and 10, the end is at 11.
@pytest.mark.parametrize('cut', [1, 4, 10])
def test_a_resumed_run_goes_on_with_the_count(files, tmp_path, cut, caplog):
    reports = []
    for resume_from in (None, str(tmp_path / f'run/iter_{cut}.pth')):
        cfg = config(files, tmp_path / 'run', 0)
        cfg.checkpoint_config = {'interval': 1}
        # Named by a user with mmcv's own priority, that is, after the checkpoint.
        cfg.custom_hooks = [{'type': 'ReplacedImagesHook', 'interval': 5}]
        cfg.resume_from = resume_from
        set_random_seed(3)
        model = build_classifier(cfg.model)
        train_model(model, build_dataset(cfg.data.train), cfg, device='cpu')
        reports.append(re.findall(r'\d+ images of this run .*', caplog.text))
        caplog.clear()

    assert len(reports[0]) == 3
    assert reports[0][0] != reports[0][-1]
    assert reports[1] == reports[0][cut // 5 :]


@pytest.mark.parametrize(
    'counted',
    [7, {'count': 7}, {'count': 7, 'files': ['a']}, {'count': -1, 'files': []}],
)
def test_a_count_that_no_run_has_made_is_refused(counted):
    runner = SimpleNamespace(meta={'hook_msgs': {'replaced_images': counted}})
    with pytest.raises(ValueError, match='that this hook did not write'):
        ReplacedImagesHook().before_run(runner)


def loader_of(data, workers):
    return build_dataloader(
        data,
        4,
        workers,
        shuffle=False,
        dist=False,
        persistent_workers=False,
        round_up=False,
    )


def scores_of(data, workers=0):
    loader = loader_of(data, workers)
    scores = []
    for batch in loader:
        if batch['img'].dtype == torch.uint8:
            batch['img'] = normalize(batch['img'], batch['img_metas'].data[0])
        mean = batch['img'].mean((1, 2, 3)).numpy()
        scores.extend(np.stack([mean, mean * 0, mean * 0 - 9], axis=1))
    return scores


@pytest.mark.parametrize('pipeline', [TEST, FAST], ids=['pillow', 'fast'])
@pytest.mark.parametrize('workers', [0, 2])
def test_evaluation_leaves_unreadable_patches_out(files, caplog, workers, pipeline):
    data = dataset(files, on_error='skip', test_mode=True, pipeline=pipeline)
    scores = scores_of(data, workers)
    assert [i for i, row in enumerate(scores) if np.isnan(row).all()] == list(BAD)
    right = [np.eye(3)[label] for _, label in LINES]
    for i in range(len(LINES)):
        if i not in BAD and i != 0:
            scores[i] = right[i]
    scores[0] = np.eye(3)[2]  # wrong: 14 of 15
    result = data.evaluate(scores, ['accuracy', 'bag_accuracy'], logger='mmcls')
    assert result['accuracy'] == pytest.approx(100 * 14 / 15)
    # Slide s0x0 has its wrong patch alone left: 5 of 6 slides.
    assert result['bag_accuracy'] == pytest.approx(100 * 5 / 6)


@pytest.mark.parametrize('kind', ['ImageClassifier', 'CITEClassifier'])
@pytest.mark.parametrize('pipeline', [TEST, FAST], ids=['pillow', 'fast'])
def test_a_model_gives_only_them_no_scores(files, kind, pipeline):
    model_cfg = config(files, 'unused', 0).model
    model = MMDataParallel(build_classifier({**model_cfg, 'type': kind}), [-1])
    data = dataset(files, on_error='skip', test_mode=True, pipeline=pipeline)

    scores = np.array(single_gpu_test(model, loader_of(data, 0)))

    assert np.flatnonzero(np.isnan(scores).any(axis=1)).tolist() == list(BAD)
    assert np.isnan(scores[list(BAD)]).all()


def test_uint8_images_that_nothing_can_turn_to_nan_are_refused(files):
    pipeline = [FAST[0], {**FAST[1], 'meta_keys': ['filename']}]
    data = dataset(files, on_error='skip', test_mode=True, pipeline=pipeline)
    with pytest.raises(UnreadablePatchError, match="'img_norm_cfg' among the meta_ke"):
        data[1]


def test_evaluation_says_what_it_left_out(files, caplog):
    data = dataset(files, on_error='skip', test_mode=True, pipeline=TEST)
    with caplog.at_level('WARNING', logger='evaluation'):
        import logging

        data.evaluate(
            scores_of(data), 'accuracy', logger=logging.getLogger('evaluation')
        )
    assert '3 of 18 patches could not be read' in caplog.text


def test_scores_that_a_model_lost_are_no_unreadable_patches(files):
    data = dataset(files, on_error='skip', test_mode=True, pipeline=TEST)
    scores = scores_of(data)
    scores[4] = np.full(3, np.nan)  # this file can be read
    with pytest.raises(ValueError, match='NaN'):
        data.evaluate(scores, 'accuracy')


def test_a_slide_without_a_readable_patch_is_refused(files, tmp_path):
    (tmp_path / 'patches_captions' / LINES[0][0]).unlink()
    data = dataset(files, on_error='skip', test_mode=True, pipeline=TEST)
    with pytest.raises(ValueError, match='no patch of slide s0x0 can be read'):
        data.evaluate(scores_of(data), 'bag_accuracy')
