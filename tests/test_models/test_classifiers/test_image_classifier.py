"""Images that nobody has normalised: no way into a classifier takes them silently."""

import numpy as np
import pytest
import torch
from mmcls.models import build_backbone, build_classifier

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


def test_a_backbone_on_its_own_refuses_bytes(arch):
    backbone = build_backbone({'type': 'CLIPImageBackbone', 'arch': arch})
    with pytest.raises(ValueError, match='nobody has normalised'):
        backbone(pixels())


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
