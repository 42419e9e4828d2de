"""mmcls' notebooks and its Grad-CAM tool read images through our pipelines."""

import argparse
import ast
import copy
import math
from pathlib import Path

import mmcls
import mmcv
import numpy as np
import pytest
import torch
from mmcls.apis import inference_model, init_model
from mmcls.datasets.pipelines import Compose
from mmcls.models.builder import build_backbone
from mmcv import Config
from mmcv.utils import to_2tuple
from PIL import Image
from tiny_image_models import MODELS
from torch import nn

import cite  # noqa: F401
from demo.models import tiny_clip

TOOLS = Path(mmcls.__file__).parent / '.mim' / 'tools'
STEPS = {
    'fast': {'type': 'PatchGastricPipeline', 'test_mode': True, 'backend': 'fast'},
    'pillow': {'type': 'PatchGastricPipeline', 'test_mode': True},
    # A data set in test mode augments nothing, so that configs need not say it.
    'no mode': {'type': 'PatchGastricPipeline', 'saturation': 0.5, 'backend': 'fast'},
    'on the model': {
        'type': 'PatchGastricPipeline',
        'backend': 'fast',
        'augment_on': 'model',
    },
    'CLIP': {'type': 'CLIPPreprocess', 'arch': 'clip.pt'},
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('notebook')
    tiny_clip(folder / 'clip.pt', embed_dim=16, width=64, layers=2, image_size=32)
    blocks = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    patch = Image.fromarray(blocks).resize((64, 64), Image.Resampling.NEAREST)
    patch.save(folder / 's0_0.png')
    patch.convert('L').save(folder / 'grey.png')
    return folder


@pytest.fixture(params=STEPS)
def cfg(request, folder, monkeypatch):
    monkeypatch.chdir(folder)
    step = dict(STEPS[request.param])
    if request.param != 'CLIP':
        step.update(size=32, mean='model', std='model', interpolation='model')
    head = {'type': 'MyLinearClsHead', 'num_classes': 2, 'in_channels': 16}
    backbone = {'type': 'PromptedCLIPImageBackbone', 'arch': 'clip.pt'}
    model = {'type': 'CITEClassifier', 'precision': 'fp32'}
    steps = [step, {'type': 'Collect', 'keys': ['img']}]
    return Config(
        {
            'model': {**model, 'backbone': backbone, 'head': head},
            'data': {'test': {'pipeline': steps}},
        }
    )


@pytest.fixture
def model(cfg):
    torch.manual_seed(0)
    model = init_model(cfg, None, device='cpu')
    model.CLASSES = ['a', 'b']
    return model


def test_inference_model_takes_files_paths_arrays_and_images(model):
    """The score is that of the pipeline's own tensor, to the rounding of floats."""
    step = {**STEPS['CLIP'], 'size': 32}
    tensor = Compose([step])({'img_info': {'filename': 's0_0.png'}})['img']
    wanted = float(np.max(model.simple_test(tensor[None])))
    images = ['s0_0.png', Path('s0_0.png'), mmcv.imread('s0_0.png')]
    for image in [*images, Image.open('s0_0.png')]:
        result = inference_model(model, image)
        assert result['pred_score'] == pytest.approx(wanted, abs=1e-4)
    grey = np.dstack([np.asarray(Image.open('grey.png'))] * 3)
    scores = [
        inference_model(model, image)['pred_score'] for image in ('grey.png', grey)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (np.zeros((4, 4), np.uint8), r'shape \(4, 4\).*give \(H, W, 3\), BGR'),
        (np.zeros((4, 4, 4), np.uint8), r'shape \(4, 4, 4\)'),
        (np.zeros((4, 4, 3), np.float32), 'type float32'),
        (torch.zeros(3, 4, 4), 'the image is a Tensor; give the path'),
        (['s0_0.png'], 'the image is a list'),
    ],
)
def test_other_images_are_refused(model, image, message):
    with pytest.raises(TypeError, match=message):
        inference_model(model, image)


def vis_cam(*functions):
    """Return functions of vis_cam.py, whose other imports are not installed."""
    source = (TOOLS / 'visualizations' / 'vis_cam.py').read_text(encoding='utf-8')
    wanted = (*functions, 'FORMAT_TRANSFORMS_SET')
    nodes = [
        node
        for node in ast.parse(source).body
        if getattr(node, 'name', None) in wanted
        or (isinstance(node, ast.Assign) and node.targets[0].id in wanted)
    ]
    norms = {k: getattr(nn, k) for k in dir(nn) if 'Norm' in k}
    names = {'Compose': Compose, 'copy': copy, 'math': math, 'to_2tuple': to_2tuple}
    names.update(norms)
    exec(compile(ast.Module(nodes, []), 'vis_cam.py', 'exec'), names)
    return [names[name] for name in functions]


def test_grad_cam_paints_on_the_image_that_the_model_sees(model, cfg):
    """vis_cam's own transforms; its gradients reach every layer, frozen ones too."""
    (apply_transforms,) = vis_cam('apply_transforms')
    data, shown = apply_transforms('s0_0.png', cfg.data.test.pipeline)
    assert (shown.shape, shown.dtype) == ((32, 32, 3), np.uint8)
    wanted = Image.open('s0_0.png').resize((32, 32), Image.Resampling.BICUBIC)
    assert np.array_equal(shown[..., ::-1], np.asarray(wanted))
    assert data['img'].shape == (3, 32, 32)
    gradients = []
    layer = model.backbone.model.transformer.resblocks[0].ln_1

    def keep(module, inputs, output):
        output.register_hook(gradients.append)

    layer.register_forward_hook(keep)
    logits = model(
        data['img'][None], return_loss=False, softmax=False, post_process=False
    )
    logits[:, 0].sum().backward()
    assert float(gradients[0].abs().sum()) > 0


VIT = {'img_size': 32, 'patch_size': 8}
MMCLS_VIT = {
    'arch': {
        'embed_dims': 32,
        'num_layers': 3,
        'num_heads': 2,
        'feedforward_channels': 64,
    },
    **VIT,
}
TIMM = {
    'type': 'TIMMImageBackbone',
    'model_name': 'vit_tiny_patch16_224',
    **{'embed_dim': 32, 'depth': 3, 'num_heads': 2},
    **VIT,
}
# A backbone, and the tokens in front of the patches' ones before its last block.
BACKBONES = {
    'CLIP': ({'type': 'CLIPImageBackbone', 'arch': 'clip.pt'}, 1),
    'CLIP, one prompt': ({'type': 'PromptedCLIPImageBackbone', 'arch': 'clip.pt'}, 2),
    'CLIP, added': (
        {
            'type': 'PromptedCLIPImageBackbone',
            'arch': 'clip.pt',
            'prompt_length': 2,
            'prompt_pos': 'add',
        },
        1,
    ),
    'timm': (TIMM, 1),
    'timm, border': ({**TIMM, 'prompt_length': 2, 'prompt_pos': 'pad'}, 1),
    'timm, registers': ({**TIMM, 'reg_tokens': 2, 'prompt_length': 3}, 6),
    'timm, deep': ({**TIMM, 'prompt_length': 5, 'prompt_layers': [0, 1, 2]}, 6),
    'transformers': ({'model_name': 'registers', 'prompt_length': 4}, 7),
    'transformers CLIP': ({'model_name': 'clip'}, 1),
    'mmcls': ({'type': 'VisionTransformerFrozen', **MMCLS_VIT}, 1),
    'mmcls, prompts': (
        {'type': 'PromptedVisionTransformer', 'prompt_length': 2, **MMCLS_VIT},
        3,
    ),
}


@pytest.mark.parametrize('name', BACKBONES)
def test_grad_cam_finds_the_tokens_of_the_patches(folder, monkeypatch, name):
    """With ``--vit-like`` alone: its choice of layer, and what it cuts off there."""
    monkeypatch.chdir(folder)
    cfg, extra = BACKBONES[name]
    if 'type' not in cfg:
        MODELS[cfg['model_name']]().save_pretrained(cfg['model_name'])
        cfg = {'type': 'TransformersImageBackbone', **cfg}
    model = nn.Module()
    model.backbone = build_backbone(dict(cfg)).eval()
    options = argparse.Namespace(vit_like=True, num_extra_tokens=None)
    layers, reshape = vis_cam('get_default_traget_layers', 'build_reshape_transform')
    (layer,) = layers(model, options)
    kept = []
    layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    with torch.no_grad():
        model.backbone(torch.rand(1, 3, 32, 32))
    (tokens,) = kept  # (1, T, D)
    maps = reshape(model, options)(tokens)  # (1, D, H, W)
    side = int((tokens.shape[1] - extra) ** 0.5)
    assert maps.shape[2:] == (side, side)
    assert torch.equal(maps.flatten(2).mT, tokens[:, extra:])
    assert side**2 + extra == tokens.shape[1]


def test_positions_of_a_prompted_vit_are_resized_without_the_prompt(tmp_path):
    """Square positions of 16 patches for one of 64: as in mmcls' own ViT."""
    small = build_backbone({'type': 'VisionTransformer', **MMCLS_VIT})
    large = {**MMCLS_VIT, 'img_size': 64}
    plain = build_backbone({'type': 'VisionTransformer', **large})
    kind = 'PromptedVisionTransformer'
    prompted = build_backbone({'type': kind, 'prompt_length': 3, **large})
    for backbone in (plain, prompted):
        backbone.load_state_dict(small.state_dict(), strict=False)
    assert torch.equal(prompted.pos_embed, plain.pos_embed)
    assert prompted.num_extra_tokens == 4
