"""Checkpoints cross transformers 4 and 5: names and digests are 4's under both.

The digests and names below were computed under transformers 4.57.6; both tested
versions have to give them.
"""

import hashlib
import re

import pytest
import torch
from mmcls.models import build_backbone, build_classifier
from mmcv.runner import load_checkpoint, save_checkpoint
from newer_names import newer_names
from safetensors.torch import load_file, save_file
from tiny_image_models import MODELS
from transformers import CLIPVisionConfig, CLIPVisionModel

from cite.core.frozen import frozen_digest, frozen_state

SMALL = {'hidden_size': 32, 'num_attention_heads': 2, 'intermediate_size': 64}
TOWER = {**SMALL, 'num_hidden_layers': 3, 'image_size': 32, 'patch_size': 8}
KINDS = {**MODELS, 'tower': lambda: CLIPVisionModel(CLIPVisionConfig(**TOWER))}
DIGESTS = {
    'vit': '9eca68d02f76389e63f4b0ac65d25ab60d8badb1e5ea408e947f397e84c3d505',
    'dinov2': '01294d6f64f2be3727f9d7428ef00126a72fc8d1460bdbc3ebab1288aad5d909',
    'gated': '1989a2f698076a968260bfbd2f9d0252898dbda495633205751e3963a343acee',
    'registers': 'c40b3d36969d7fd3d02fe345d06756045368b49e962e8a6dc8bd8b8ddc95471a',
    'clip': '1cf6fa58a50bc5114deb040a9f027499dab647cb27c3e69ff2166b5b5cec2baa',
    'swin': '7e9d82b203aa58acc6121acf58f367db30f3b1ab6f15a5b08cfb1cb62a97255b',
    'bit': 'c1061125865b8b27770712a812f89e669befedff978da0b5cb427cf14bdf1bf7',
    'tower': '1cf6fa58a50bc5114deb040a9f027499dab647cb27c3e69ff2166b5b5cec2baa',
}
SWIN_WITH_LORA = '3a4f43f6391c2d9ace3fb3bd447d3fb5a62aff001d90924b7949f9c006c36990'
CONVNEXT = '88e72eb312ca2ce2dd5d3a6003a33662cc2e27a093bd3dcc7039a918996b606f'


def build(folder, **options):
    config = {'type': 'TransformersImageBackbone', 'model_name': str(folder)}
    return build_backbone({**config, **options})


def fill(backbone):
    """Give each frozen weight values that follow from its name in checkpoints."""
    for name, tensor in frozen_state(backbone):
        if tensor.is_floating_point():
            number = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
            values = torch.arange(tensor.numel(), dtype=torch.float64)
            values = ((values * 2654435761 + number) % 65536) / 65536 - 0.5
            tensor.data.copy_(values.reshape(tensor.shape))


@pytest.mark.parametrize('kind', KINDS)
def test_digests_are_those_of_transformers_4(tmp_path, kind):
    KINDS[kind]().save_pretrained(tmp_path)
    backbone = build(tmp_path)
    fill(backbone)
    assert bytes(frozen_digest(backbone).tolist()).hex() == DIGESTS[kind]


def test_buffers_belong_to_the_modules_of_transformers_4(tmp_path):
    """4 keeps Swin's index beside the layers that LoRA adapts, 5 in a module of it."""
    KINDS['swin']().save_pretrained(tmp_path)
    backbone = build(tmp_path, lora={'r': 2})
    fill(backbone)
    assert bytes(frozen_digest(backbone).tolist()).hex() == SWIN_WITH_LORA


def test_a_convnext_of_dinov3(tmp_path):
    transformers = pytest.importorskip('transformers', '4.56')
    sizes = {'hidden_sizes': [8, 16, 16, 32], 'depths': [1, 1, 1, 1]}
    config = transformers.DINOv3ConvNextConfig(**sizes, image_size=32)
    transformers.DINOv3ConvNextModel(config).save_pretrained(tmp_path)
    backbone = build(tmp_path)
    assert 'model.stages.0.layers.0.gamma' in backbone.state_dict()
    fill(backbone)
    assert bytes(frozen_digest(backbone).tolist()).hex() == CONVNEXT


def test_lora_and_all_weights_are_saved_under_the_names_of_transformers_4(tmp_path):
    MODELS['vit']().save_pretrained(tmp_path)
    backbone = build(tmp_path, lora={'r': 2})
    names = [*backbone.state_dict()]
    block = 'model.encoder.layer.0.attention.attention.query'
    assert f'{block}.base_layer.weight' in names
    assert f'{block}.lora_A.default.weight' in names
    assert 'model.encoder.layer.2.output.dense.bias' in names
    saved = {k: torch.randn_like(v) for k, v in backbone.state_dict().items()}
    other = build(tmp_path, lora={'r': 2})
    other.load_state_dict(saved)
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, saved[name])


@pytest.mark.parametrize('kind', ['vit', 'gated', 'tower', 'swin'])
@torch.no_grad()
def test_files_of_transformers_5_are_read(tmp_path, kind):
    KINDS[kind]().save_pretrained(tmp_path)
    old = build(tmp_path)
    file = tmp_path / 'model.safetensors'
    state = {re.sub('^model.', '', k): v.clone() for k, v in old.state_dict().items()}
    renamed = newer_names(kind, state)
    assert not {*renamed} <= {*state}
    save_file(renamed, str(file), metadata={'format': 'pt'})
    assert {*load_file(str(file))} == {*renamed}
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(build(tmp_path).eval()(x), old.eval()(x))


@pytest.mark.parametrize('kept', [{'lora': {'r': 2}}, {}], ids=['lora', 'frozen'])
@pytest.mark.parametrize('kind', ['vit', 'tower'])
def test_a_checkpoint_with_inner_weights_fits(tmp_path, kind, kept):
    """What is checked before loading has the names of checkpoints, those of 4."""
    KINDS[kind]().save_pretrained(tmp_path / 'model')
    backbone = {
        'type': 'TransformersImageBackbone',
        'model_name': str(tmp_path / 'model'),
        **kept,
    }
    width = build(tmp_path / 'model').eval()(torch.zeros(1, 3, 32, 32)).shape[1]
    config = {
        'type': 'CITEClassifier',
        'backbone': backbone,
        'head': {'type': 'MyLinearClsHead', 'num_classes': 3, 'in_channels': width},
        'save_frozen': not kept,
    }
    trained = build_classifier(config)
    for parameter in trained.parameters():
        if parameter.requires_grad or not kept:
            parameter.data += 0.1 * torch.randn_like(parameter)
    file = str(tmp_path / 'run.pth')
    save_checkpoint(trained, file)
    loaded = build_classifier(config)
    load_checkpoint(loaded, file, 'cpu')
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, trained.state_dict()[name]), name
