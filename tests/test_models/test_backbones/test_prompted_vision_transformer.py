import inspect

import pytest
import torch
from mmcls.models import build_backbone, build_classifier
from mmcls.models.backbones import VisionTransformer
from mmcv.runner import save_checkpoint

from cite.models.backbones import PromptedVisionTransformer

ARCH = {'embed_dims': 16, 'num_layers': 3, 'num_heads': 2, 'feedforward_channels': 32}
OPTIONS = {'arch': ARCH, 'img_size': 32, 'patch_size': 8}


@pytest.fixture
def plain():
    """Return mmcls' own ViT with weights of every parameter away from zero."""
    torch.manual_seed(1)
    model = VisionTransformer(**OPTIONS, out_indices=[0, 2])
    model.eval()  # mmcls' own returns nothing
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


@pytest.fixture
def build(plain):
    def build(**kwargs):
        torch.manual_seed(0)
        config = {'type': 'PromptedVisionTransformer', 'out_indices': [0, 2]}
        backbone = build_backbone({**config, **OPTIONS, **kwargs})
        backbone.load_state_dict(plain.state_dict(), strict=False)
        return backbone.eval()

    return build


def reference(plain, image, prompt, layers):
    """Encode one image (3, H, W) as the method says; class tokens after each block."""
    patches, _ = plain.patch_embed(image[None])
    tokens = torch.cat([plain.cls_token, patches], dim=1) + plain.pos_embed
    first, inserted, patches = tokens[:, :1], tokens[:, :0], tokens[:, 1:]
    outputs = []
    for number, layer in enumerate(plain.layers):
        if number in layers:
            inserted = prompt[None, layers.index(number)]
        tokens = layer(torch.cat([first, inserted, patches], dim=1))
        sizes = [1, inserted.shape[1], patches.shape[1]]
        first, inserted, patches = tokens.split(sizes, dim=1)
        outputs.append(first[0, 0])
    outputs[-1] = plain.norm1(outputs[-1])
    return outputs


@pytest.mark.parametrize('layers', [[0], [2], [0, 2], [0, 1, 2]])
@pytest.mark.parametrize('length', [1, 3])
def test_class_tokens_are_those_of_a_plain_rewrite(
    build, plain, images, layers, length
):
    backbone = build(prompt_length=length, prompt_layers=layers, prompt_init='uniform')
    backbone.prompt.data *= 20
    early, late = backbone(images(2))
    for i, x in enumerate(images(2)):
        expected = reference(plain, x, backbone.prompt.detach(), layers)
        torch.testing.assert_close(early[i], expected[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(late[i], expected[2], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(late, plain(images(2))[1][1], atol=1e-3)


def test_without_prompt_tokens_it_is_mmcls_vit(build, plain, images):
    early, late = build(prompt_length=0)(images())
    assert torch.equal(early, plain(images())[0][1])
    assert torch.equal(late, plain(images())[1][1])
    other = images(2, 48, 24)  # mmcls interpolates the position embedding
    assert torch.equal(build(prompt_length=0)(other)[1], plain(other)[1][1])


def test_arguments_come_in_the_order_of_the_release():
    names = [*inspect.signature(PromptedVisionTransformer.__init__).parameters][1:6]
    assert names == [
        'prompt_length',
        'prompt_layers',
        'prompt_pos',
        'prompt_init',
        'fix',
    ]


def test_state_dict_is_mmcls_and_the_prompt(build, plain):
    names = {*plain.state_dict(), 'prompt', 'prompt_initialized'}
    assert {*build().state_dict()} == names


def test_pretrained_weights_arrive_and_the_prompt_stays(
    plain, images, tmp_path, caplog
):
    save_checkpoint(plain, str(tmp_path / 'vit.pth'))
    source = {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'vit.pth')}
    config = {**OPTIONS, 'init_cfg': source}
    backbone = build_backbone(
        dict(type='PromptedVisionTransformer', prompt_init='token', **config)
    )
    backbone.init_weights()
    assert 'missing' not in caplog.text
    assert not backbone.prompt_initialized
    backbone.train()(images())
    tokens = plain.patch_embed(images())[0]
    tokens = torch.cat([plain.cls_token.expand(3, -1, -1), tokens], dim=1)
    mean = (tokens + plain.pos_embed).mean((0, 1))
    torch.testing.assert_close(backbone.prompt[0, 0], mean)


def test_mmcls_initialisation_leaves_the_prompt(build):
    backbone = build(prompt_init='uniform')
    before = backbone.prompt.detach().clone()
    backbone.init_weights()
    assert torch.equal(backbone.prompt, before)


def test_mmcls_own_classifier_trains_the_prompt_alone(images):
    backbone = dict(type='PromptedVisionTransformer', drop_rate=0.5, **OPTIONS)
    head = {'type': 'LinearClsHead', 'num_classes': 2, 'in_channels': 16}
    model = build_classifier(
        {'type': 'ImageClassifier', 'backbone': backbone, 'head': head}
    )
    model.init_weights()
    model.train()
    backbone = model.backbone
    assert backbone.training
    assert not any(m.training for m in backbone.modules() if m is not backbone)
    label = torch.tensor([0, 1, 1])
    model(images(), gt_label=label)['loss'].backward()
    trained = [k for k, p in backbone.named_parameters() if p.grad is not None]
    assert trained == ['prompt']
    assert backbone.prompt.grad.any()


def test_unfixed_all_of_it_trains(build, images):
    backbone = build(fix=False).train()
    backbone(images())[1].pow(2).sum().backward()
    assert all(p.grad is not None for p in backbone.parameters())
    assert all(m.training for m in backbone.modules())


def test_bfloat16_autocast_is_near_single_precision(build, images):
    backbone = build(prompt_length=2)
    exact = backbone(images())[1]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half = backbone(images())[1].float()
    assert not torch.equal(half, exact)
    assert (half - exact).norm() < 0.03 * exact.norm()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'prompt_pos': 'add'}, r"'add'; choose one of \['prepend'\]"),
        ({'prompt_layers': [3]}, 'this backbone has 3 blocks, numbered 0 to 2'),
        ({'with_cls_token': False}, 'needs the class token that it returns'),
    ],
)
def test_options_that_do_not_fit_are_an_error(build, options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)
