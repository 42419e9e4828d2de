"""Images that nobody has normalised: no way into a classifier takes them silently."""

import copy
import pickle
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from mmcls.models import build_backbone, build_classifier, build_head, build_neck
from packaging.version import Version
from two_ranks import gradients_by_hand, run_two_ranks

from cite.models.backbones.clip_weights import load_clip, load_visual
from demo.models import tiny_clip

MEAN, STD = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.25, 0.3])
METAS = [
    {'img_norm_cfg': {'mean': [*255 * MEAN], 'std': [*255 * STD], 'to_rgb': False}}
    for _ in range(2)
]
LABELS = torch.tensor([0, 1])
STAGES = ('backbone', 'neck', 'pre_logits')
WAYS = {
    'forward, scores': lambda m, x, i: m(x, return_loss=False, img_metas=i),
    'forward, lists': lambda m, x, i: m([x], return_loss=False, img_metas=[i]),
    'forward, losses': lambda m, x, i: m(x, gt_label=LABELS, img_metas=i)['loss'],
    'forward_train': lambda m, x, i: m.forward_train(x, LABELS, img_metas=i)['loss'],
    'forward_test': lambda m, x, i: m.forward_test([x], img_metas=[i]),
    'simple_test': lambda m, x, i: m.simple_test(x, i),
    'train_step': lambda m, x, i: m.train_step(
        {'img': x, 'gt_label': LABELS, 'img_metas': i}
    )['loss'],
    **{
        stage: lambda m, x, i, stage=stage: m.extract_feat(x, stage, i)
        for stage in STAGES
    },
}
WITHOUT_METAS = {
    'forward_dummy': lambda m, x: m.forward_dummy(x),
    'extract_feats': lambda m, x: list(m.extract_feats([x])),
    'backbone itself': lambda m, x: m.backbone(x),
    **{name: lambda m, x, way=way: way(m, x, None) for name, way in WAYS.items()},
}


@pytest.fixture(scope='module')
def arch(tmp_path_factory):
    path = tmp_path_factory.mktemp('clip') / 'tiny.pt'
    tiny_clip(path, embed_dim=16, width=64, layers=1, image_size=32)
    return str(path)


@pytest.fixture(params=['CITEClassifier', 'ImageClassifier', 'mixup', 'timm'])
def model(request, arch):
    backbone = {'type': 'CLIPImageBackbone', 'arch': arch}
    head = {'type': 'MyLinearClsHead', 'num_classes': 2, 'in_channels': 16}
    kind, settings = request.param, {}
    if kind == 'mixup':  # changes the images before the backbone
        augment = {'type': 'Identity', 'num_classes': 2, 'prob': 1.0}
        kind, settings = 'ImageClassifier', {'train_cfg': {'augments': augment}}
        head = {**head, 'loss': {'type': 'CrossEntropyLoss', 'use_soft': True}}
        head['cal_acc'] = False
    elif kind == 'timm':
        kind, head = 'CITEClassifier', {**head, 'in_channels': 192}
        backbone = {
            'type': 'TIMMImageBackbone',
            'model_name': 'vit_tiny_patch16_224',
            'depth': 1,
            'img_size': 32,
            'image_stats': {'mean': [0.5] * 3, 'std': [0.5] * 3},
        }
    torch.manual_seed(0)
    built = build_classifier(
        {'type': kind, 'backbone': backbone, 'head': head, **settings}
    )
    return built.eval()


def pixels():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 32, 32), generator=generator).to(torch.uint8)


def normalised():
    mean, std = (torch.tensor(x).float()[:, None, None] for x in (MEAN, STD))
    return (pixels() / 255 - mean) / std


def as_tensor(result):
    if isinstance(result, tuple):
        result = result[-1]
    if isinstance(result, list):
        result = np.stack(result)
    return torch.as_tensor(result).detach()


@pytest.mark.parametrize('way', WAYS)
def test_bytes_with_their_metas_give_what_normalised_images_give(model, way):
    bytes_result = as_tensor(WAYS[way](model, pixels(), METAS))
    float_result = as_tensor(WAYS[way](model, normalised(), METAS))
    torch.testing.assert_close(bytes_result, float_result, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('way', WITHOUT_METAS)
@pytest.mark.parametrize('kind', [torch.uint8, torch.int64, torch.int8])
def test_whole_numbers_that_nothing_describes_are_refused(model, way, kind):
    with pytest.raises(ValueError, match='normalise'):
        WITHOUT_METAS[way](model, pixels().to(kind))


BACKBONES = {
    'CLIP': {'type': 'CLIPImageBackbone'},
    'CLIP with prompt': {'type': 'PromptedCLIPImageBackbone'},
    'CLIP with border': {
        'type': 'PromptedCLIPImageBackbone',
        'prompt_pos': 'pad',
        'prompt_length': 2,
    },
    'timm': {'type': 'TIMMImageBackbone', 'model_name': 'vit_tiny_patch16_224'},
    'timm with border': {
        'type': 'TIMMImageBackbone',
        'model_name': 'vit_tiny_patch16_224',
        'prompt_pos': 'pad',
        'prompt_length': 2,
    },
    'InternImage': {'type': 'InternImage', 'prompt_length': 0},
    'mmcls ViT': {'type': 'VisionTransformerFrozen', 'arch': 'deit-t', 'img_size': 32},
    'mmcls ViT with prompt': {
        'type': 'PromptedVisionTransformer',
        'arch': 'deit-t',
        'img_size': 32,
    },
    'features': {'type': 'FeatureBackbone'},
}


@pytest.mark.parametrize('name', BACKBONES)
def test_a_backbone_on_its_own_refuses_bytes(arch, name):
    options = dict(BACKBONES[name])
    if 'CLIP' in name:
        options['arch'] = arch
    if 'timm' in name:
        options.update(depth=1, img_size=32)
    backbone = build_backbone(options)
    for context in (nullcontext(), torch.autocast('cpu', torch.bfloat16)):
        with context, pytest.raises(ValueError, match='nobody has normalised'):
            backbone(pixels())


def test_necks_heads_and_clip_itself_refuse_bytes(arch):
    features = torch.randint(0, 256, (2, 16)).to(torch.uint8)
    neck = {'type': 'ProjectionNeck', 'in_features': 16, 'out_features': 8}
    texts = {'type': 'CLIPTextHead', 'arch': arch, 'texts': ['a gland', 'a tumour']}
    linear = {'type': 'MyLinearClsHead', 'num_classes': 2, 'in_channels': 16}
    calls = [build_neck(neck)]
    for head in (texts, linear):
        calls += [build_head(head), build_head(head).simple_test]
    for call in calls:
        for x in (features, (features,)):
            with pytest.raises(ValueError, match='the features are uint8'):
                call(x)
    with pytest.raises(RuntimeError, match='Byte'):
        load_visual(arch)(pixels())  # torch's own error: bytes times floats
    with pytest.raises(ValueError, match='the images are uint8'):
        load_clip(arch).encode_image(pixels())


def test_a_trace_for_torchscript_refuses_bytes(model):
    with pytest.raises(ValueError, match='normalise'), torch.no_grad():
        torch.jit.trace(lambda x: model(x, return_loss=False), pixels()[:1])


def test_arrays_and_unknown_stages_are_refused(model):
    with pytest.raises(TypeError, match='array of type uint8: give a tensor'):
        model.simple_test(pixels().numpy())
    with pytest.raises(ValueError, match=r"stage.*'nowhere'.*backbone"):
        model.extract_feat(normalised(), stage='nowhere')


@pytest.mark.parametrize('kind', ['half', 'bfloat16', 'double'])
def test_a_clip_whose_weights_are_no_longer_fp32_is_refused(arch, kind):
    backbone = build_backbone({'type': 'CLIPImageBackbone', 'arch': arch})
    getattr(backbone, kind)()
    images = getattr(normalised(), kind)()
    with pytest.raises(ValueError, match=r"weights .* are .*precision='bf16'"):
        backbone(images)


def test_copies_and_pickles_of_a_model_give_its_scores(model):
    """Deep copy, pickle, torch.save of the whole, and DataParallel without a GPU."""
    wanted = as_tensor(model.simple_test(normalised()))
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for copied in copies:
        assert torch.equal(as_tensor(copied.simple_test(normalised())), wanted)
    parallel = torch.nn.DataParallel(model)
    scores = parallel(normalised(), return_loss=False, img_metas=None)
    assert torch.equal(as_tensor(scores), wanted)


def test_scores_have_gradients_with_respect_to_a_frozen_layer(arch):
    """What Grad-CAM needs, of the package whose backbones are frozen."""
    model = build_classifier(
        {
            'type': 'CITEClassifier',
            'precision': 'fp32',
            'backbone': {'type': 'CLIPImageBackbone', 'arch': arch},
            'head': {'type': 'MyLinearClsHead', 'num_classes': 2, 'in_channels': 16},
        }
    ).eval()
    gradients = []
    norm = model.backbone.model.transformer.resblocks[0].ln_1

    def keep(module, inputs, output):
        output.register_hook(gradients.append)

    handle = norm.register_forward_hook(keep)
    logits = model(normalised(), return_loss=False, softmax=False, post_process=False)
    logits[:, 0].sum().backward()
    handle.remove()
    assert gradients[0].abs().sum() > 0
    with torch.no_grad():
        scores = model(normalised(), return_loss=False, post_process=False)
    assert not scores.requires_grad


@pytest.mark.skipif(
    Version(torch.__version__).major < 2, reason='its gloo sends no flags, only numbers'
)
def test_torchs_own_data_parallel_has_mmcvs_gradients_on_bytes(tmp_path):
    """Two ranks; both wrappers average over the ranks what one process computes."""
    config = {
        'type': 'CITEClassifier',
        'backbone': {
            'type': 'TIMMImageBackbone',
            'model_name': 'vit_tiny_patch16_224',
            **{'depth': 1, 'img_size': 32, 'prompt_length': 1},
        },
        'head': {'type': 'MyLinearClsHead', 'num_classes': 3, 'in_channels': 192},
        'precision': 'fp32',
    }
    images, labels = pixels().repeat(2, 1, 1, 1), torch.tensor([0, 1, 2, 1])
    images[2:] = 255 - images[2:]
    run_two_ranks(gradients_by_hand, tmp_path, config, images, labels, METAS * 2)
    torch.manual_seed(0)
    model = build_classifier(config).train()
    model(images, return_loss=True, gt_label=labels, img_metas=METAS * 2)[
        'loss'
    ].backward()
    wanted = {f'module.{n}': p.grad for n, p in model.named_parameters()}
    for rank in range(2):
        theirs = torch.load(tmp_path / f'mmcv {rank}.pth')
        grads = torch.load(tmp_path / f'torch {rank}.pth')
        assert len(grads) == 3 == len(theirs)
        for name, grad in grads.items():
            assert torch.equal(grad, theirs[name])
            torch.testing.assert_close(grad, wanted[name], rtol=1e-4, atol=1e-6)
