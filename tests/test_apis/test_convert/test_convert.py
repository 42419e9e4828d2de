"""Guessing layouts, choosing targets, prefixes, and using the written file."""

import argparse
import ast

import pytest
import torch
from mmcls.models import BACKBONES, build_classifier

from cite.apis.convert import LAYOUTS, convert_checkpoint
from cite.core.files.weights import load_weights


@pytest.fixture
def source(tmp_path, tiny_vit):
    path = tmp_path / 'vit.pth'
    torch.save(tiny_vit().state_dict(), path)
    return path


def test_every_name_of_the_command_line_leads_to_a_layout():
    expected = {'remedis', 'retfound', 'ctranspath', 'hipt', 'internimage', 'dinov2'}
    expected |= {'mae', 'vit', 'clip', 'moco', 'dino', 'timm'}
    assert set(LAYOUTS) == expected


def test_unknown_layout_names_what_is_there_and_what_is_known(tmp_path, convert):
    state = {'encoder.conv1.weight': torch.ones(1)}
    torch.save({'epoch': 1, 'state_dict': state}, tmp_path / 'resnet.pth')
    with pytest.raises(
        ValueError, match=r'any of moco, remedis.* it has epoch, state_dict/'
    ):
        convert(tmp_path / 'resnet.pth')


def test_a_named_layout_that_is_not_there_says_how_it_looks(source, convert):
    with pytest.raises(
        ValueError, match=r"clip, which has .*OpenAI's names.*it has cls"
    ):
        convert(source, layout='clip')


def test_from_overrides_the_guess(source, convert):
    assert convert(source, layout='mae').layout == 'MAE'
    assert convert(source, force=True).layout == 'timm'


@pytest.mark.parametrize('name', ['layout', 'target'])
def test_unknown_names_are_errors(source, convert, name):
    with pytest.raises(ValueError, match='resnet'):
        convert(source, **{name: 'resnet'})


def test_a_vit_is_not_written_for_clip(source, convert):
    with pytest.raises(
        ValueError, match='timm cannot be written for clip, only for timm, mmcls'
    ):
        convert(source, target='clip')


def test_file_that_holds_a_single_tensor(tmp_path, convert):
    torch.save(torch.ones(3), tmp_path / 'tensor.pth')
    with pytest.raises(ValueError, match='holds a Tensor, not tensors by name'):
        convert(tmp_path / 'tensor.pth')


@pytest.mark.parametrize(
    ('prefix', 'first'), [('', 'cls_token'), ('model.f', 'model.f.cls_token')]
)
def test_prefix(source, convert, tmp_path, prefix, first):
    convert(source, target='mmcls', prefix=prefix)
    assert next(iter(sorted(load_weights(tmp_path / 'out.safetensors')))) == first


@pytest.mark.parametrize('prefix', ['', 'backbone.'])
@pytest.mark.parametrize('suffix', ['.safetensors', '.pth'])
def test_the_printed_config_builds_and_loads(
    source, tiny_vit, images, assert_same, tmp_path, prefix, suffix
):
    printed = []
    out = tmp_path / f'converted{suffix}'
    convert_checkpoint(source, out, None, 'mmcls', prefix, log=printed.append)
    text = printed[-1]
    assert '1 is usual for this width' in text
    config = ast.literal_eval(text[text.index('{') : text.index('}\n') + 1])
    config['arch']['num_heads'] = 4
    model = BACKBONES.build(config)
    model.init_weights()
    model.eval()
    with torch.no_grad():
        _, class_token = model(images)[-1]
        wanted = tiny_vit().forward_features(images)[:, 0]
    assert_same(class_token, wanted)


@pytest.mark.parametrize(
    'kind', ['VisionTransformerFrozen', 'PromptedVisionTransformer']
)
def test_our_own_vits_take_the_same_config(
    source, tiny_vit, images, convert, assert_same, tmp_path, kind
):
    config = {**convert(source, target='mmcls').config, 'type': kind}
    config['arch'] = {**config['arch'], 'num_heads': 4}
    file = str(tmp_path / 'out.safetensors')
    config['init_cfg'] = {
        'type': 'Pretrained',
        'checkpoint': file,
        'prefix': 'backbone',
    }
    if kind == 'PromptedVisionTransformer':
        # Without prompt tokens it computes what the plain ViT does.
        config.update(prompt_length=0)
    model = BACKBONES.build(config)
    model.init_weights()
    model.eval()
    with torch.no_grad():
        got = model(images)
        wanted = tiny_vit().forward_features(images)[:, 0]
    assert_same(got[-1] if isinstance(got, tuple) else got, wanted)


def test_a_whole_classifier_takes_the_file_as_pretrained(source, convert, tmp_path):
    # The release's prefix is the name of mmcls classifiers' own backbone.
    conversion = convert(source, target='mmcls')
    config = {
        'type': 'ImageClassifier',
        'pretrained': str(tmp_path / 'out.safetensors'),
        'backbone': conversion.config,
        'head': {
            'type': 'VisionTransformerClsHead',
            'num_classes': 2,
            'in_channels': 32,
        },
    }
    classifier = build_classifier(config)
    classifier.init_weights()
    wanted = load_weights(source)['blocks.2.mlp.fc2.weight']
    got = classifier.backbone.layers[2].ffn.layers[1].weight
    torch.testing.assert_close(got.data, wanted)


def test_training_state_beside_the_weights(source, convert, tmp_path):
    # As MAE's, RETFound's and HIPT's files: the command line, and floats.
    checkpoint = {
        'model': load_weights(source),
        'epoch': 799,
        'scaler': {'scale': 65536.0},
        'args': argparse.Namespace(lr=1.5e-4, model='vit_large'),
    }
    torch.save(checkpoint, tmp_path / 'RETFound_cfp_weights.pth')
    assert convert(tmp_path / 'RETFound_cfp_weights.pth').missing == []


def test_half_precision_stays(tmp_path, tiny_vit, convert):
    torch.save(tiny_vit().half().state_dict(), tmp_path / 'half.pth')
    convert(tmp_path / 'half.pth')
    written = load_weights(tmp_path / 'out.safetensors')
    assert {tensor.dtype for tensor in written.values()} == {torch.float16}
