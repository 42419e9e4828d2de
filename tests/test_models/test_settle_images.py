"""Pipelines that leave mean, std, interpolation and size to the model."""

import copy
import pickle

import mmcv
import numpy as np
import pytest
import torch
from mmcls.datasets import PIPELINES, build_dataset
from mmcls.datasets.pipelines import Compose
from mmcls.models import build_classifier
from mmcv.parallel import MMDataParallel
from PIL import Image
from torch.utils.data import DataLoader

import cite  # noqa: F401
from cite.core.image_stats import ImageStats
from cite.datasets.pipelines import PatchGastricPipeline
from cite.models.image_stats import settle_images

CLIP_STATS = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
FROM_MODEL = {'mean': 'model', 'std': 'model', 'interpolation': 'model'}
CLIP = {'type': 'CLIPImageBackbone', 'arch': 'ViT-B/16'}
MAE = {'type': 'TIMMImageBackbone', 'model_name': 'vit_large_patch16_224.mae'}
OTHER_SIZE = {'mean': [0.5] * 3, 'std': [0.5] * 3, 'size': 12}


@pytest.fixture
def folder(tmp_path):
    """Two grey patches and their annotation."""
    for name in ('slide_1.jpg', 'slide_2.jpg'):
        Image.new('RGB', (8, 8), (128, 128, 128)).save(tmp_path / name)
    (tmp_path / 'ann.txt').write_text('slide_1.jpg 0\nslide_2.jpg 0\n')
    return tmp_path


@pytest.fixture
def data(folder):
    """Make a data set's config from arguments of its step and its own."""

    def make(step=FROM_MODEL, **arguments):
        step = {'type': 'PatchGastricPipeline', 'size': 8, 'test_mode': True, **step}
        return {
            'type': 'PatchGastricCls3',
            'data_prefix': str(folder),
            'ann_file': str(folder / 'ann.txt'),
            'test_mode': True,
            'pipeline': [step],
            **arguments,
        }

    return make


def grey(mean, std):
    """What a grey pixel of 128 becomes."""
    return (128 / 255 - np.array(mean)) / np.array(std)


def first_pixel(dataset):
    return dataset[0]['img'][:, 0, 0].numpy()


def assert_normalised(dataset, statistics):
    np.testing.assert_allclose(first_pixel(dataset), grey(*statistics), 1e-5, 1e-6)


def tiny_vit(**backbone):
    """Build a classifier that is quickly built, with any backbone arguments."""
    arch = {
        'embed_dims': 16,
        'num_layers': 1,
        'num_heads': 2,
        'feedforward_channels': 32,
    }
    backbone = {
        'type': 'VisionTransformerFrozen',
        'arch': arch,
        'img_size': 32,
        **backbone,
    }
    head = {'type': 'MyLinearClsHead', 'num_classes': 3, 'in_channels': 16}
    return build_classifier(
        {'type': 'ImageClassifier', 'backbone': backbone, 'head': head}
    )


@pytest.mark.parametrize(
    ('backbone', 'statistics'), [(CLIP, CLIP_STATS), (MAE, IMAGENET)]
)
def test_images_follow_the_backbone(data, backbone, statistics):
    for config in (backbone, {'backbone': backbone}, mmcv.Config(backbone)._cfg_dict):
        dataset = build_dataset(data())
        settle_images(dataset, config)
        assert_normalised(dataset, statistics)


@pytest.mark.parametrize('kind', ['CITEClassifier', 'ImageClassifier'])
def test_a_built_classifier_tells_its_backbone_s(data, kind):
    stats = {'mean': [0.1, 0.2, 0.3], 'std': [0.4, 0.5, 0.6]}
    backbone = {'type': 'TIMMImageBackbone', 'model_name': 'resnet18'}
    model = build_classifier(
        {
            'type': kind,
            'backbone': {**backbone, 'image_stats': stats},
            'head': {'type': 'MyLinearClsHead', 'num_classes': 3, 'in_channels': 512},
        }
    )
    for built in (model, copy.deepcopy(model), MMDataParallel(model, device_ids=[])):
        dataset = build_dataset(data())
        settle_images(dataset, built)
        assert_normalised(dataset, stats.values())


def test_mmcls_own_backbone_gets_imagenet_s_with_a_warning(data):
    dataset = build_dataset(data())
    with pytest.warns(UserWarning, match='a VisionTransformerFrozen does not say'):
        settle_images(dataset, tiny_vit())
    assert_normalised(dataset, IMAGENET)


@pytest.mark.filterwarnings('error', 'ignore:.*one slide:UserWarning')
def test_where_nothing_is_left_to_it_the_model_does_not_matter(data):
    dataset = build_dataset(data({'mean': [0.5] * 3, 'std': [0.5] * 3}))
    settle_images(dataset, {})
    settle_images(dataset, tiny_vit())
    assert_normalised(dataset, ([0.5] * 3, [0.5] * 3))


def test_the_same_model_again_changes_nothing_and_another_model_does(data):
    dataset = build_dataset(data())
    settle_images(dataset, CLIP)
    first = first_pixel(dataset)
    settle_images(dataset, CLIP)
    np.testing.assert_array_equal(first_pixel(dataset), first)
    settle_images(dataset, MAE)
    assert_normalised(dataset, IMAGENET)


def test_values_that_are_given_stay(data):
    arguments = ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])
    dataset = build_dataset(
        data({'mean': arguments[0], 'std': arguments[1], 'size': 'model'})
    )
    settle_images(dataset, CLIP)
    assert dataset[0]['img'].shape == (3, 224, 224)
    assert_normalised(dataset, arguments)


def wrappers(config):
    """Return mmcls' wrappers of a data set, and lists of data sets."""
    return {
        'RepeatDataset': {'type': 'RepeatDataset', 'times': 2, 'dataset': config},
        'ConcatDataset': {'type': 'ConcatDataset', 'datasets': [config, config]},
        'ClassBalancedDataset': {
            'type': 'ClassBalancedDataset',
            'oversample_thr': 0.5,
            'dataset': config,
        },
        'a list of configs': [config, config],
    }


@pytest.mark.parametrize('kind', wrappers(None))
def test_mmcls_wrappers_are_walked(data, kind):
    wrapped = build_dataset(wrappers(data())[kind])
    settle_images([wrapped], CLIP)
    for i in range(len(wrapped)):
        image = wrapped[i]['img'][:, 0, 0].numpy()
        np.testing.assert_allclose(image, grey(*CLIP_STATS), rtol=1e-5)


def test_a_pipeline_and_a_data_set_of_mmcls_own(folder):
    step = {'type': 'PatchGastricPipeline', 'size': 8, 'test_mode': True, **FROM_MODEL}
    pipeline = Compose([step])
    settle_images(pipeline, CLIP)
    image = Image.new('RGB', (8, 8), (128, 128, 128))
    assert_normalised([pipeline({'img_pil': image})], CLIP_STATS)

    (folder / 'images' / 'a').mkdir(parents=True)
    image.save(folder / 'images' / 'a' / '1.jpg')

    def in_memory(results):
        return {**results, 'img_pil': image}

    custom = build_dataset(
        {
            'type': 'CustomDataset',
            'data_prefix': str(folder / 'images'),
            'pipeline': [in_memory, step],
        }
    )
    settle_images(custom, CLIP)
    assert_normalised(custom, CLIP_STATS)
    assert step['mean'] == 'model'  # the config stays as it is


@pytest.mark.parametrize('backend', ['pillow', 'fast'])
def test_an_item_that_meets_no_model_names_the_remedy(data, backend):
    dataset = build_dataset(
        data({'mean': 'model', 'size': 'model', 'backend': backend})
    )
    for _ in range(2):
        with pytest.raises(
            ValueError,
            match=r"has mean, size='model', .*settle_images\(dataset, model\) .* or gi",
        ):
            dataset[0]
    batches = iter(DataLoader(dataset, num_workers=1))
    with pytest.raises(ValueError, match=r'settle_images\(dataset, model\)') as error:
        next(batches)
    error.value.__traceback__ = None  # the garbage collector would wait for the worker
    del error, batches
    assert 'mean' in repr(dataset.pipeline)


def test_the_bytes_of_images_are_unknown_until_their_size_is(data):
    step = {'size': 'model', 'backend': 'fast'}
    dataset = build_dataset(data(step, test_mode=False))
    assert dataset.image_bytes == 0
    settle_images(dataset, CLIP)
    assert dataset.image_bytes == 3 * 224**2


def test_arguments_are_checked_before_a_model_is_met():
    with pytest.raises(ValueError, match='size=0'):
        PatchGastricPipeline(mean='model', size=0)
    with pytest.raises(ValueError, match='Divide by 255'):
        PIPELINES.build(
            {'type': 'PatchGastricPipeline', 'std': 'model', 'mean': [128] * 3}
        )


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        ({}, 'the config does not say which backbone it has'),
        ({'backbone': {}}, 'the config does not say'),
        (torch.nn.Linear(1, 1), 'a Linear does not say which backbone'),
        (
            {'type': 'TIMMImageBackbone', 'model_name': 'vit_large_patch16_224'},
            'the name has no tag',
        ),
    ],
)
def test_a_model_that_says_nothing_is_an_error(data, model, message):
    with pytest.raises(ValueError, match=message):
        settle_images(build_dataset(data()), model)


def test_features_need_no_model(data, folder):
    np.save(folder / 'features_1.npy', np.ones((2, 4), np.float32))
    features = {'feature_file': str(folder / 'features'), 'num_aug': 1}
    dataset = build_dataset(data(**features))
    assert dataset[1]['img'].tolist() == [1] * 4
    settle_images(dataset, {'type': 'FeatureBackbone'})
    assert dataset[1]['img'].tolist() == [1] * 4


def test_the_cache_is_made_when_the_size_is_known(data):
    step = {'size': 'model', 'backend': 'fast'}
    dataset = build_dataset(data(step, test_mode=False, cache='1MB'))
    assert dataset.cache is None
    settle_images(dataset, {'type': 'VisionTransformer', 'image_stats': OTHER_SIZE})
    cache = dataset.cache
    assert cache.shape == (3, 12, 12)
    before = dataset[0]['img']
    assert torch.equal(dataset[0]['img'], before)

    settle_images(dataset, {'type': 'VisionTransformer', 'image_stats': OTHER_SIZE})
    assert dataset.cache is cache  # nothing is read again
    settle_images(dataset, CLIP)
    assert dataset.cache.shape == (3, 224, 224)
    assert dataset[0]['img'].shape == (3, 224, 224)


def test_the_cache_is_there_at_once_where_all_values_are(data):
    arguments = {'size': 16, 'backend': 'fast'}
    assert build_dataset(data(arguments, test_mode=False)).cache.shape == (3, 16, 16)
    assert build_dataset(data(arguments)).cache is None  # in evaluation


def test_a_packed_file_of_an_open_pipeline_is_looked_at_when_settled(data, folder):
    step = {'interpolation': 'model', 'backend': 'fast'}
    dataset = build_dataset(data(step, packed=str(folder / 'gone.npy')))
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match=r'gone\.npy'):
            settle_images(dataset, CLIP)
    with pytest.raises(
        ValueError, match="needs a PatchGastricPipeline with backend='f"
    ):
        build_dataset(data(packed=str(folder / 'gone.npy')))


@pytest.mark.usefixtures('forked_workers')
@pytest.mark.parametrize('start', ['fork', 'spawn'])
def test_workers_start_with_what_is_settled_after_their_loader_was_built(data, start):
    # mmcls' test command builds the loader first, then the model.
    dataset = build_dataset(data())
    loader = DataLoader(
        dataset,
        batch_size=2,
        num_workers=1,
        persistent_workers=True,
        collate_fn=list,
        multiprocessing_context=start,
    )
    settle_images(dataset, CLIP)
    for _ in range(2):
        assert_normalised(next(iter(loader)), CLIP_STATS)


def test_a_settled_step_survives_being_pickled():
    step = PatchGastricPipeline(**FROM_MODEL)
    step.settle_images(ImageStats(*CLIP_STATS))
    again = pickle.loads(pickle.dumps(step))
    assert repr(again) == repr(step)
    assert again.settle_images(ImageStats(*CLIP_STATS)) is False


def test_it_looks_like_a_step_that_was_given_the_values():
    # Features are known by their pipeline's words: those extracted before stay valid.
    step = PatchGastricPipeline(**FROM_MODEL)
    step.settle_images(ImageStats(*CLIP_STATS))
    mean, std = CLIP_STATS
    assert repr(step) == repr(
        PatchGastricPipeline(mean=mean, std=std, interpolation='bicubic')
    )
