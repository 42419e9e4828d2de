"""Pipelines that leave mean and std to the model, as mmcls' tools build them."""

import copy
import gc

import mmcv
import numpy as np
import pytest
from mmcls.datasets import PIPELINES, build_dataset
from mmcls.datasets.pipelines import Compose
from PIL import Image

import cite  # noqa: F401
from cite.compat import image_stats as compat
from cite.datasets.pipelines import PatchGastricPipeline

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGENET = (0.485, 0.456, 0.406)


@pytest.fixture(autouse=True)
def other_tests_configs_are_gone():
    gc.collect()
    compat._configs.clear()


@pytest.fixture
def folder(tmp_path):
    """One grey patch and its annotation."""
    Image.new('RGB', (8, 8), (128, 128, 128)).save(tmp_path / 'slide_1.jpg')
    (tmp_path / 'ann.txt').write_text('slide_1.jpg 0\n')
    return tmp_path


def config(folder, backbone, **step):
    step = {'type': 'PatchGastricPipeline', 'size': 8, 'test_mode': True, **step}
    return mmcv.Config(
        {
            'model': {'backbone': backbone},
            'data': {
                split: {
                    'type': 'PatchGastricCls3',
                    'data_prefix': str(folder),
                    'ann_file': str(folder / 'ann.txt'),
                    'test_mode': True,
                    'pipeline': [dict(step)],
                }
                for split in ('train', 'test')
            },
        }
    )


FROM_MODEL = {'mean': 'model', 'std': 'model', 'interpolation': 'model'}
CLIP = {'type': 'CLIPImageBackbone', 'arch': 'ViT-B/16'}
MAE = {'type': 'TIMMImageBackbone', 'model_name': 'vit_large_patch16_224.mae'}


def grey(mean, std):
    """What a grey pixel of 128 becomes."""
    return (128 / 255 - np.array(mean)) / np.array(std)


def first_pixel(dataset):
    return dataset[0]['img'][:, 0, 0].numpy()


def test_images_follow_the_backbone(folder):
    cfg = config(folder, CLIP, **FROM_MODEL)
    std = (0.26862954, 0.26130258, 0.27577711)
    got = first_pixel(build_dataset(cfg.data.train))
    np.testing.assert_allclose(got, grey(CLIP_MEAN, std), rtol=1e-5)
    # As --cfg-options would do it.
    cfg.merge_from_dict({'model.backbone': {'_delete_': True, **MAE}})
    got = first_pixel(build_dataset(cfg.data.test))
    np.testing.assert_allclose(got, grey(IMAGENET, (0.229, 0.224, 0.225)), rtol=1e-5)


def test_of_several_configs_each_has_its_own(folder):
    one, other = (config(folder, b, **FROM_MODEL) for b in (CLIP, MAE))
    first = first_pixel(build_dataset(one.data.test))
    second = first_pixel(build_dataset(other.data.test))
    assert abs(first - second).max() > 0.01
    # A copy could be of either.
    with pytest.raises(ValueError, match='part of several configs'):
        build_dataset(copy.deepcopy(one.data.test))
    del other
    gc.collect()
    again = first_pixel(build_dataset(copy.deepcopy(one.data.test)))
    np.testing.assert_array_equal(again, first)


def test_a_copied_config_is_known(folder):
    copied = copy.deepcopy(config(folder, CLIP, **FROM_MODEL))
    copied.model.backbone = dict(MAE)
    got = first_pixel(build_dataset(copied.data.test))
    np.testing.assert_allclose(got, grey(IMAGENET, (0.229, 0.224, 0.225)), rtol=1e-5)


def test_a_pipeline_without_data_set(folder):
    cfg = config(folder, CLIP, **FROM_MODEL)
    step = Compose(cfg.data.test.pipeline).transforms[0]
    means = [getattr(t, 'mean', None) for t in step._eval.transforms]
    assert tuple(means[-1]) == CLIP_MEAN
    assert cfg.data.test.pipeline[0].mean == 'model'  # the config stays as it is


def test_size_and_numbers(folder):
    cfg = config(folder, CLIP, size='model', mean=[0.5] * 3, std=[0.5] * 3)
    image = build_dataset(cfg.data.test)[0]['img']
    assert image.shape == (3, 224, 224)
    np.testing.assert_allclose(image[:, 0, 0], grey([0.5] * 3, [0.5] * 3), atol=1e-6)


def test_an_unknown_model_is_an_error(folder):
    backbone = {'type': 'TIMMImageBackbone', 'model_name': 'vit_large_patch16_224'}
    cfg = config(folder, backbone, **FROM_MODEL)
    with pytest.raises(ValueError, match='the name has no tag'):
        build_dataset(cfg.data.test)


def test_without_a_config_it_is_an_error():
    step = {'type': 'PatchGastricPipeline', **FROM_MODEL}
    with pytest.raises(ValueError, match='is part of no config'):
        Compose([step])
    with pytest.raises(ValueError, match='is part of no config'):
        PIPELINES.build(step)
    with pytest.raises(ValueError, match='Give the values here'):
        PatchGastricPipeline(mean='model', std='model')


def test_a_step_by_the_registry_and_by_mmcv_s_function(folder):
    cfg = config(folder, CLIP, **FROM_MODEL)
    other = config(folder, MAE, **FROM_MODEL)
    for build in (PIPELINES.build, lambda s: mmcv.build_from_cfg(s, PIPELINES)):
        step = build(cfg.data.test.pipeline[0])
        assert tuple(step._eval.transforms[-1].mean) == CLIP_MEAN
        step = build(other.data.test.pipeline[0])
        assert tuple(step._eval.transforms[-1].mean) == IMAGENET


def test_the_copy_of_a_data_set_s_config_is_known_by_its_pipeline(folder):
    cfg, other = (config(folder, b, **FROM_MODEL) for b in (CLIP, MAE))
    wanted = first_pixel(build_dataset(cfg.data.test))
    got = first_pixel(build_dataset(cfg.data.test.copy()))
    np.testing.assert_array_equal(got, wanted)
    assert abs(first_pixel(build_dataset(other.data.test.copy())) - got).max() > 0.01
