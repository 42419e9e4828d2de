"""mmcls' notebooks and its Grad-CAM tool read images through our pipelines."""

import ast
import copy
from pathlib import Path

import mmcls
import mmcv
import numpy as np
import pytest
import torch
from mmcls.apis import inference_model, init_model
from mmcls.datasets.pipelines import Compose
from mmcv import Config
from PIL import Image

import cite  # noqa: F401
from demo.models import tiny_clip

TOOLS = Path(mmcls.__file__).parent / '.mim' / 'tools'
STEPS = {
    'fast': {'type': 'PatchGastricPipeline', 'test_mode': True, 'backend': 'fast'},
    'pillow': {'type': 'PatchGastricPipeline', 'test_mode': True},
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


def apply_transforms():
    """Return the function of vis_cam.py, whose other imports are not installed."""
    source = (TOOLS / 'visualizations' / 'vis_cam.py').read_text(encoding='utf-8')
    wanted = ('apply_transforms', 'FORMAT_TRANSFORMS_SET')
    nodes = [
        node
        for node in ast.parse(source).body
        if getattr(node, 'name', None) in wanted
        or (isinstance(node, ast.Assign) and node.targets[0].id in wanted)
    ]
    names = {'Compose': Compose, 'copy': copy}
    exec(compile(ast.Module(nodes, []), 'vis_cam.py', 'exec'), names)
    return names['apply_transforms']


def test_grad_cam_paints_on_the_image_that_the_model_sees(model, cfg):
    """vis_cam's own transforms; its gradients reach every layer, frozen ones too."""
    data, shown = apply_transforms()('s0_0.png', cfg.data.test.pipeline)
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
