"""A checkpoint of another model is an error, in the words of mmcv's own loader."""

import logging
from collections import OrderedDict

import pytest
import torch
from clip.model import CLIP
from mmcls.models import build_classifier
from mmcv.runner import load_checkpoint, save_checkpoint
from torch import nn

import cite  # noqa: F401
from cite.core.frozen import DIGEST_KEY

LOGGER = logging.getLogger('start of a training run')
TRAINED = ('backbone.prompt', 'neck.weight', 'neck.bias')


@pytest.fixture(scope='module')
def arch(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('clip') / 'tiny.pt'
    torch.save(CLIP(16, 32, 2, 64, 16, 8, 64, 64, 1, 1).state_dict(), path)
    return str(path)


@pytest.fixture
def config(arch, tiny_bert, text_cache):
    def make(
        type='CITEClassifier', prompts=2, width=32, linear=None, neck=True, lora=False
    ):
        backbone = dict(type='CLIPImageBackbone', arch=arch)
        if prompts:
            backbone['type'] = 'PromptedCLIPImageBackbone'
            backbone['prompt_length'] = prompts
        if lora:
            backbone['lora'] = dict(r=2)
        head = dict(
            type='TextEmbeddingHead',
            texts=['well', 'poorly'],
            text_encoder=dict(type='BERT', model=str(tiny_bert)),
        )
        if linear:
            head = dict(type='MyLinearClsHead', num_classes=linear, in_channels=width)
        built = dict(type=type, backbone=backbone, head=head)
        if neck:
            built['neck'] = dict(
                type='ProjectionNeck', in_features=16, out_features=width
            )
        return built

    return make


@pytest.fixture
def saved(tmp_path):
    def save(config, name='run.pth'):
        save_checkpoint(build_classifier(config), str(tmp_path / name))
        return str(tmp_path / name)

    return save


BOTH = pytest.mark.parametrize('type', ['CITEClassifier', 'ImageClassifier'])


@BOTH
@pytest.mark.parametrize(
    ('saved_options', 'model_options', 'message'),
    [
        # Another text width, another number of classes: both numbers.
        (dict(width=24, linear=2), dict(width=32, linear=2), r'\(24, 16\).*\(32, 16\)'),
        (dict(linear=5), dict(linear=2), r'head\.fc\.weight is \(5, 32\) .* \(2, 32\)'),
        (dict(prompts=3), dict(prompts=2), r'prompt of shape \(1, 3, 64\)'),
        # A part that only one of the two has.
        (dict(lora=True), dict(), r'this config has no backbone\.model\..*\.lora_'),
        (dict(), dict(lora=True), r'it lacks backbone\.model\..*\.lora_'),
        (dict(prompts=0), dict(), r'it lacks backbone\.prompt'),
        (dict(), dict(prompts=0), r'this config has no backbone\.prompt'),
        (dict(), dict(linear=2), r'it lacks head\.fc\.'),
        (
            dict(linear=2, width=16),
            dict(linear=2, width=16, neck=False),
            r'this config has no neck\.',
        ),
    ],
)
def test_a_checkpoint_of_another_model_names_file_and_difference(
    config, saved, type, saved_options, model_options, message
):
    path = saved(config(type, **saved_options))
    model = build_classifier(config(type, **model_options))
    with pytest.raises(ValueError, match=rf'run\.pth.*{message}'):
        load_checkpoint(model, path, map_location='cpu')


@BOTH
def test_a_checkpoint_of_the_model_loads_without_a_warning(config, saved, type, capsys):
    model = build_classifier(config(type))
    load_checkpoint(model, saved(config(type)), map_location='cpu')
    assert 'do not match' not in capsys.readouterr().out


@BOTH
def test_a_checkpoint_in_the_release_s_keys_loads(config, tmp_path, type, capsys):
    source = build_classifier(config('ImageClassifier'))
    nn.init.constant_(source.neck.bias, 7.0)
    released = {
        key: value.half()
        for key, value in source.state_dict().items()
        if key.startswith('backbone.model.') or key in TRAINED
    }
    torch.save({'state_dict': released}, tmp_path / 'released.pth')
    model = build_classifier(config(type))
    load_checkpoint(model, str(tmp_path / 'released.pth'), map_location='cpu')
    assert model.neck.bias.unique().tolist() == [7.0]
    assert 'do not match' not in capsys.readouterr().out


def test_frozen_weights_left_out_need_our_classifier(config, saved):
    path = saved(config('CITEClassifier'))
    with pytest.raises(ValueError, match=r'it lacks backbone\.model\.'):
        load_checkpoint(build_classifier(config('ImageClassifier')), path)


@BOTH
def test_training_may_start_from_a_part_but_not_from_nothing(
    config, saved, tmp_path, type
):
    model = build_classifier(config(type, linear=2))
    other_head = saved(config(type, linear=5))
    load_checkpoint(model, other_head, map_location='cpu', logger=LOGGER)
    torch.save({'state_dict': {'encoder.weight': torch.ones(1)}}, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=r'x\.pth .* none of its 1 names \(encoder'):
        load_checkpoint(model, str(tmp_path / 'x.pth'), logger=LOGGER)


def test_strict_as_a_resumed_run_is(config, saved):
    path = saved(config(linear=5))
    model = build_classifier(config(linear=2))
    with pytest.raises(ValueError, match=r'run\.pth is the checkpoint of another'):
        load_checkpoint(model, path, strict=True, logger=LOGGER)


def test_moving_averages_in_excess_are_mmcv_s_business(config, saved, capsys):
    path = saved(config(linear=2))
    checkpoint = torch.load(path)
    checkpoint['state_dict']['ema_neck_weight'] = torch.ones(1)
    torch.save(checkpoint, path)
    load_checkpoint(build_classifier(config(linear=2)), path)
    assert 'unexpected key in source state_dict: ema_neck' in capsys.readouterr().out


def _with_metadata(state, value):
    state = OrderedDict(state)
    state._metadata = value
    return {'state_dict': state}


@pytest.mark.parametrize(
    'change',
    [
        lambda s: {'state_dict': {**s, DIGEST_KEY: 'abc'}},
        lambda s: {'state_dict': {**s, 'neck.weight': 5}},
        lambda s: {'state_dict': {**s, 'neck.weight': None}},
        lambda s: {'state_dict': {**s, 3: torch.ones(1)}},
        lambda s: {'state_dict': 3},
        lambda s: {'state_dict': s, 'meta': 5},
        lambda s: {**s, 'neck.weight': 5},
        lambda s: {**s, 3: torch.ones(1)},
        lambda s: torch.ones(2),
        lambda s: _with_metadata(s, {'': 5}),
    ],
)
def test_a_checkpoint_of_something_else_than_weights_is_named(config, tmp_path, change):
    model = build_classifier(config())
    torch.save(change(dict(model.state_dict())), tmp_path / 'damaged.pth')
    with pytest.raises(
        ValueError, match=r'damaged\.pth: .*checkpoint of a training run'
    ):
        load_checkpoint(model, str(tmp_path / 'damaged.pth'), map_location='cpu')


@pytest.mark.parametrize('digest', [torch.ones(32), torch.ones(3, dtype=torch.uint8)])
def test_a_digest_of_another_kind_is_of_other_weights(config, saved, tmp_path, digest):
    path = saved(config())
    state = torch.load(path)['state_dict']
    assert DIGEST_KEY in state
    torch.save({'state_dict': {**state, DIGEST_KEY: digest}}, tmp_path / 'damaged.pth')
    with pytest.raises(ValueError, match=r'damaged\.pth: .* on other frozen weights'):
        load_checkpoint(build_classifier(config()), str(tmp_path / 'damaged.pth'))


def test_models_without_a_part_of_ours_are_mmcv_s_business(saved, capsys):
    def mmcls_own(classes):
        head = dict(type='LinearClsHead', num_classes=classes, in_channels=1280)
        backbone = dict(type='MobileNetV2')
        neck = dict(type='GlobalAveragePooling')
        return dict(type='ImageClassifier', backbone=backbone, neck=neck, head=head)

    load_checkpoint(build_classifier(mmcls_own(2)), saved(mmcls_own(5)))
    assert 'size mismatch for head.fc.weight' in capsys.readouterr().out
