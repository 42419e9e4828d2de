import logging

import pytest
import torch
from mmcls.models import build_backbone, build_classifier
from torch.nn import functional as F

from cite.models.backbones import CLIPImageBackbone
from cite.models.classifiers.each_alone import each_alone


@pytest.mark.parametrize(('kind', 'side'), [('vit', 32), ('resnet', 64)])
def test_features_are_those_of_clip(kind, side, images, request):
    source = request.getfixturevalue(f'clip_{kind}')
    arch = request.getfixturevalue(f'{kind}_file')
    backbone = build_backbone({'type': 'CLIPImageBackbone', 'arch': arch})
    features = backbone(images(3, side))
    assert features.shape == (3, 24)
    torch.testing.assert_close(features, source.encode_image(images(3, side)))


def test_state_dict_has_the_names_of_the_release(vit_file, clip_vit):
    names = {f'model.{name}' for name in clip_vit.visual.state_dict()}
    assert {*CLIPImageBackbone(vit_file).state_dict()} == names
    without = {*CLIPImageBackbone(vit_file, proj=False).state_dict()}
    assert without == names - {'model.proj'}


def test_without_projection_features_have_the_width_of_the_vit(
    vit_file, clip_vit, images
):
    features = CLIPImageBackbone(vit_file, proj=False)(images())
    assert features.shape == (3, 64)
    expected = clip_vit.encode_image(images())
    torch.testing.assert_close(features @ clip_vit.visual.proj, expected)


def test_a_resnet_keeps_its_projection_and_says_so(
    resnet_file, images, caplog, monkeypatch
):
    monkeypatch.setattr(logging.getLogger('mmcls'), 'propagate', True)
    with caplog.at_level(logging.INFO, logger='mmcls'):
        backbone = CLIPImageBackbone(resnet_file, proj=False)
    assert caplog.text.count('proj=False has no effect on a CLIP ResNet') == 1
    assert backbone(images(2, 64)).shape == (2, 24)


def test_a_vit_takes_other_sizes_with_interpolated_positions(
    vit_file, clip_vit, images
):
    x = images(2, 48, 24)  # 6 x 3 patches instead of 4 x 4
    visual = CLIPImageBackbone(vit_file).model
    old = clip_vit.visual.positional_embedding  # (17, 64)
    maps = old[1:].T.reshape(1, 64, 4, 4)
    new = F.interpolate(maps, size=(6, 3), mode='bicubic', align_corners=False)
    visual.positional_embedding = torch.nn.Parameter(
        torch.cat([old[:1], new.reshape(64, 18).T])
    )
    expected = visual(x)  # clip's own forward pass
    torch.testing.assert_close(CLIPImageBackbone(vit_file)(x), expected)


@pytest.mark.parametrize(
    ('height', 'width'), [(96, 96), (64, 32), (100, 63), (31, 128)]
)
def test_a_resnet_takes_other_sizes_with_interpolated_positions(
    resnet_file, clip_resnet, images, height, width
):
    x = images(2, height, width)
    seen = []
    backbone = CLIPImageBackbone(resnet_file)
    pool = backbone.model.attnpool
    pool.register_forward_pre_hook(
        lambda module, inputs: seen.append((inputs[0], module.positional_embedding))
    )
    assert backbone(x).shape == (2, 24)
    [(last_map, positions)] = seen
    old = clip_resnet.visual.attnpool.positional_embedding
    new = F.interpolate(
        old[1:].T.reshape(1, -1, 2, 2), size=last_map.shape[-2:], mode='bicubic'
    )
    torch.testing.assert_close(positions[1:].T, new[0].flatten(1))
    assert torch.equal(positions[0], old[0])
    assert torch.equal(pool.positional_embedding, old)  # the parameter is as it was


def test_threads_share_a_resnet_and_its_resized_positions(resnet_file, images):
    backbone, many = CLIPImageBackbone(resnet_file), images(24, 96)
    threads = torch.get_num_threads()
    with torch.no_grad():
        wanted = [backbone(image[None]) for image in many]
        torch.set_num_threads(3)
        try:
            given = each_alone(backbone, many, backbone)
        finally:
            torch.set_num_threads(threads)
    torch.testing.assert_close(torch.cat(given), torch.cat(wanted))


def test_a_size_that_patches_do_not_tile_is_an_error(vit_file, resnet_file, images):
    with pytest.raises(ValueError, match=r'36x32.*8x8 do not tile.*multiples of 8'):
        CLIPImageBackbone(vit_file)(images(1, 36, 32))
    with pytest.raises(ValueError, match=r'20x64; CLIP ResNets need'):
        CLIPImageBackbone(resnet_file)(images(1, 20, 64))


def classifier(arch, **kwargs):
    return build_classifier(
        {
            'type': 'ImageClassifier',
            'backbone': dict(type='CLIPImageBackbone', arch=arch, **kwargs),
            'head': {'type': 'LinearClsHead', 'num_classes': 2, 'in_channels': 24},
        }
    )


def step(model, x):
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    model(x, gt_label=torch.tensor([0, 1]))['loss'].backward()
    optimizer.step()


def test_a_frozen_resnet_stays_as_it_is_under_mmcls_own_classifier(resnet_file, images):
    model = classifier(resnet_file)
    before = {k: v.clone() for k, v in model.backbone.state_dict().items()}
    step(model, images(2, 64))
    assert model.backbone.training
    assert not any(m.training for m in model.backbone.model.modules())
    after = model.backbone.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(p.requires_grad for p in model.backbone.parameters())


@pytest.mark.parametrize(('kind', 'side'), [('vit', 32), ('resnet', 64)])
def test_unfixed_all_of_it_trains(kind, side, images, request):
    model = classifier(request.getfixturevalue(f'{kind}_file'), fix=False)
    before = {k: v.clone() for k, v in model.backbone.named_parameters()}
    step(model, images(2, side))
    assert all(m.training for m in model.modules())
    for name, parameter in model.backbone.named_parameters():
        assert parameter.requires_grad
        # A key's bias shifts all scores of a softmax alike: it has no gradient.
        assert 'k_proj.bias' in name or not torch.equal(parameter, before[name]), name
    if kind == 'resnet':
        assert model.backbone.model.bn1.num_batches_tracked == 1


@pytest.mark.parametrize(('kind', 'side'), [('vit', 32), ('resnet', 64)])
def test_bfloat16_autocast_is_near_single_precision(kind, side, images, request):
    arch = request.getfixturevalue(f'{kind}_file')
    x = images(4, side)
    exact = CLIPImageBackbone(arch)(x)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half = CLIPImageBackbone(arch)(x).float()
        full = CLIPImageBackbone(arch, float32=True)(x)
    assert torch.equal(full, exact)
    assert not torch.equal(half, exact)  # autocast was on
    assert F.cosine_similarity(half, exact).min() > 0.9995
    assert (half - exact).norm() < 0.03 * exact.norm()


def test_a_checkpoint_saved_in_half_loads_into_single_precision(vit_file, images):
    source = CLIPImageBackbone(vit_file)
    state = {k: v.half() for k, v in source.state_dict().items()}
    loaded = CLIPImageBackbone(vit_file)
    loaded.load_state_dict(state)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(loaded(images()), source(images()), rtol=1e-2, atol=1e-2)
