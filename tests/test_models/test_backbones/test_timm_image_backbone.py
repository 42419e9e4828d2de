from pathlib import Path

import pytest
import timm
import torch
from mmcls.models import build_backbone, build_classifier
from torch.nn import functional as F

from cite.core.files.weights import load_weights

# A plain ViT of timm, small: 3 blocks, 32 wide, images of 32.
TINY = {'img_size': 32, 'patch_size': 8, 'embed_dim': 32, 'depth': 3, 'num_heads': 2}
VIT = 'vit_tiny_patch16_224'
SHARED = Path(__file__).resolve().parents[4] / 'shared' / 'models'


def build(model_name=VIT, **kwargs):
    torch.manual_seed(0)
    options = {**TINY, **kwargs} if model_name == VIT else kwargs
    return build_backbone(
        dict(type='TIMMImageBackbone', model_name=model_name, **options)
    ).eval()


@pytest.fixture
def vit():
    """Return timm's own small ViT with weights of every parameter away from zero."""
    torch.manual_seed(1)
    model = timm.create_model(VIT, num_classes=5, **TINY).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


@pytest.fixture
def vit_weights(vit, tmp_path):
    """Return the path of the small ViT's checkpoint, in half precision."""
    vit.half().float()
    state = {k: v.half() for k, v in vit.state_dict().items()}
    torch.save({'model': state}, tmp_path / 'vit.pth')
    return str(tmp_path / 'vit.pth')


def test_a_vit_gives_its_class_token(vit, vit_weights, images):
    backbone = build(checkpoint=vit_weights)
    expected = vit.forward_head(vit.forward_features(images()), pre_logits=True)
    torch.testing.assert_close(backbone(images()), expected)
    assert {p.dtype for p in backbone.parameters()} == {torch.float32}
    names = {f'model.{name}' for name in vit.state_dict() if 'head' not in name}
    assert {*backbone.state_dict()} == names


def test_a_vit_takes_other_sizes(vit, vit_weights, images):
    backbone = build(checkpoint=vit_weights)
    vit.set_input_size((40, 24))  # timm interpolates the position embedding
    expected = vit.forward_features(images(2, 40, 24))[:, 0]
    torch.testing.assert_close(backbone(images(2, 40, 24)), expected)
    with pytest.raises(ValueError, match='patches of 8x8 do not tile'):
        backbone(images(1, 36))


@pytest.mark.parametrize('registers', [0, 2])
@pytest.mark.parametrize('pos', ['prepend', 'add'])
def test_prompted_features_are_those_of_a_plain_rewrite(images, registers, pos):
    backbone = build(
        prompt_length=3,
        prompt_layers=[0, 2],
        prompt_pos=pos,
        prompt_init='uniform',
        reg_tokens=registers,
    )
    backbone.prompt.data *= 20
    model, prompt = backbone.model, backbone.prompt.detach()
    x = model._pos_embed(model.patch_embed(images()))
    first, inserted, patches = x[:, : 1 + registers], x[:, :0], x[:, 1 + registers :]
    for number, block in enumerate(model.blocks):
        if number in (0, 2):
            row = prompt[number // 2]
            if pos == 'prepend':
                inserted = row.expand(3, -1, -1)
            else:  # 16 patches, five rounds of 3 prompts, the last patch stays
                shift = torch.cat([row] * 5 + [torch.zeros(1, 32)])
                patches = patches + shift
        x = block(torch.cat([first, inserted, patches], dim=1))
        first = x[:, : 1 + registers]
        inserted = x[:, 1 + registers :][:, : inserted.shape[1]]
        patches = x[:, -16:]
    expected = model.norm(x)[:, 0]
    torch.testing.assert_close(backbone(images()), expected)


def test_a_vit_without_class_token_gives_the_mean_of_its_patches(images):
    plain = build(class_token=False, global_pool='avg', fc_norm=False)
    expected = plain.model.forward_features(images()).mean(1)
    torch.testing.assert_close(plain(images()), expected)
    prompted = build(
        class_token=False,
        global_pool='avg',
        fc_norm=False,
        prompt_length=2,
        prompt_layers=[2],
    )
    seen = []
    prompted.model.norm.register_forward_hook(lambda m, i, out: seen.append(out))
    features = prompted(images())
    assert seen[0].shape == (3, 2 + 16, 32)
    torch.testing.assert_close(features, seen[0][:, 2:].mean(1))


@pytest.mark.parametrize('name', ['resnet18', 'convnext_atto', 'test_vit2'])
def test_other_architectures_are_pooled_over_positions(name, images):
    backbone = build(name)
    features = backbone(images(2, 64))
    assert features.shape == (2, backbone.model.num_features)
    source = backbone.model.forward_features(images(2, 64))
    if source.dim() == 4:
        expected = F.adaptive_avg_pool2d(source, 1).flatten(1)
        torch.testing.assert_close(features, expected)


def test_mmcls_own_classifier_trains_the_prompt_alone(vit_weights, images):
    backbone = dict(
        type='TIMMImageBackbone',
        model_name=VIT,
        checkpoint=vit_weights,
        prompt_length=2,
        prompt_init='token',
        **TINY,
    )
    head = {'type': 'LinearClsHead', 'num_classes': 2, 'in_channels': 32}
    model = build_classifier(
        {'type': 'ImageClassifier', 'backbone': backbone, 'head': head}
    )
    before = {k: v.clone() for k, v in model.backbone.model.named_parameters()}
    model.init_weights()  # timm's own would draw new weights
    model.train()
    model(images(), gt_label=torch.tensor([0, 1, 1]))['loss'].backward()
    after = dict(model.backbone.model.named_parameters())
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(p.grad is None for p in after.values())
    assert (model.backbone.prompt.grad.abs().amax(-1) > 0).all()
    assert not any(m.training for m in model.backbone.model.modules())


def test_a_frozen_resnet_keeps_its_statistics(images):
    backbone = build('resnet18').train()
    backbone(images(2, 64))
    assert backbone.model.bn1.num_batches_tracked == 0
    unfixed = build('resnet18', fix=False).train()
    unfixed(images(2, 64)).sum().backward()
    assert unfixed.model.bn1.num_batches_tracked == 1
    assert all(p.grad is not None for p in unfixed.parameters())


def test_the_source_of_the_weights_is_known(vit_weights):
    assert build(checkpoint=vit_weights).weights_source == vit_weights
    assert build().weights_source is None


def test_a_checkpoint_of_another_model_is_an_error(vit, vit_weights, tmp_path):
    with pytest.raises(ValueError, match=r'missing: blocks\.3\.norm1\.weight.* more'):
        build(checkpoint=vit_weights, depth=4)
    with pytest.raises(ValueError, match=r'unexpected: blocks\.2\.norm1\.weight'):
        build(checkpoint=vit_weights, depth=2)
    message = r'pos_embed is \(1, 17, 32\) in the file, \(1, 65, 32\) here'
    with pytest.raises(ValueError, match=message):
        build(checkpoint=vit_weights, img_size=64)
    state = vit.state_dict()
    del state['norm.bias']  # the final norm is in use
    torch.save(state, tmp_path / 'incomplete.pth')
    with pytest.raises(ValueError, match=r'incomplete\.pth .*missing: norm\.bias'):
        build(checkpoint=str(tmp_path / 'incomplete.pth'))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            {'model_name': 'vit_tinny_patch16_224'},
            r"no model 'vit_tinny_patch16_224'.* vit_tiny_p",
        ),
        ({'model_name': 'resnet18', 'prompt_length': 1}, 'is a ResNet; only plain'),
        ({'prompt_length': 1, 'prompt_layers': [3]}, 'has 3 blocks'),
        ({'checkpoint': 'x.pth', 'pretrained': True}, 'not both'),
    ],
)
def test_options_that_do_not_fit_are_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_weights_that_cannot_be_fetched_are_an_error(monkeypatch):
    # No address: timm refuses before it asks the hub.
    with pytest.raises(FileNotFoundError, match='give its path as `checkpoint`'):
        build('test_vit4', pretrained=True, pretrained_cfg={'hf_hub_id': None})


def shared_weights(name):
    path = SHARED / f'{name}.fp16.safetensors'
    if not path.is_file():
        pytest.skip(f'{path} is not there')
    return str(path)


@torch.no_grad()
def test_the_real_hiera_lacks_nothing_that_counts(images):
    path = shared_weights('sam2_hiera_tiny')
    backbone = build('sam2_hiera_tiny', checkpoint=path)
    missing = {k[6:] for k in backbone.state_dict()} - {*load_weights(path)}
    assert missing == {'head.norm.weight', 'head.norm.bias'}
    x = images(1, 224)
    maps = backbone.model.forward_features(x)
    assert maps.shape == (1, 7, 7, 768)  # NHWC
    features = backbone(x)
    torch.testing.assert_close(features, maps.mean((1, 2)))
    backbone.model.head.norm.weight.zero_()
    assert torch.equal(backbone(x), features)
    assert backbone(images(1, 64, 96)).shape == (1, 768)


@torch.no_grad()
def test_the_real_vit_takes_prompts(images):
    path = shared_weights('vit_tiny_colorectal')
    torch.manual_seed(0)
    options = {'type': 'TIMMImageBackbone', 'model_name': VIT, 'checkpoint': path}
    plain = build_backbone(options).eval()
    source = timm.create_model(VIT, num_classes=0).eval()
    source.load_state_dict({k: v.float() for k, v in load_weights(path).items()})
    x = images(2, 224)
    torch.testing.assert_close(plain(x), source(x))
    prompted = build_backbone(dict(options, prompt_length=1, prompt_init='token'))
    shift = prompted.train()(x) - plain(x)
    assert 0 < shift.norm() < plain(x).norm()


@torch.no_grad()
def test_bits_of_google_have_the_epsilon_of_its_code():
    """Of weights with a variance of 1e-8 it is a hundredth; timm's would be a half."""
    layer = build('resnetv2_50x1_bit').model.stem.conv
    weight = layer.weight.double().flatten(1)
    weight = weight - weight.mean(1, keepdim=True)
    weight = weight / weight.pow(2).mean(1, keepdim=True).sqrt()  # variance 1
    layer.weight.copy_(1e-4 * weight.view_as(layer.weight))
    image = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    right = weight.view_as(layer.weight).float() * (1e-8 / (1e-8 + 1e-10)) ** 0.5
    wanted = F.conv2d(image, right, stride=2, padding=3)
    torch.testing.assert_close(layer(image), wanted, rtol=1e-3, atol=1e-3)
