import inspect

import pytest
import torch
from mmcls.models import build_backbone, build_classifier
from torch.nn import functional as F

from cite.models.backbones import CLIPImageBackbone, PromptedCLIPImageBackbone


def build(arch, **kwargs):
    torch.manual_seed(3)
    return build_backbone(dict(type='PromptedCLIPImageBackbone', arch=arch, **kwargs))


def reference(visual, image, prompt, layers, pos):
    """Encode one image (3, H, W) as the method says, token by token."""
    patches = list(visual.conv1(image[None])[0].flatten(1).T)  # D each
    tokens = torch.stack([visual.class_embedding, *patches])
    tokens = visual.ln_pre(tokens + visual.positional_embedding)
    first, inserted, patches = tokens[:1], tokens[:0], tokens[1:]
    for number, block in enumerate(visual.transformer.resblocks):
        if number in layers:
            row = prompt[layers.index(number)]
            if pos == 'prepend':
                inserted = row
            else:
                last = len(patches) - len(patches) % len(row)
                patches = torch.stack(
                    [
                        patch + row[t % len(row)] if t < last else patch
                        for t, patch in enumerate(patches)
                    ]
                )
        tokens = block(torch.cat([first, inserted, patches])[:, None])[:, 0]
        first, inserted = tokens[:1], tokens[1 : 1 + len(inserted)]
        patches = tokens[1 + len(inserted) :]
    return visual.ln_post(first)[0] @ visual.proj


@pytest.mark.parametrize('layers', [[0], [3], [0, 3], [1, 2], [2, 0], [0, 1, 2, 3]])
@pytest.mark.parametrize('length', [1, 3])
@pytest.mark.parametrize('pos', ['prepend', 'add'])
def test_features_are_those_of_a_plain_rewrite(
    vit_file, clip_vit, images, layers, length, pos
):
    backbone = build(
        vit_file,
        prompt_length=length,
        prompt_layers=layers,
        prompt_pos=pos,
        prompt_init='uniform',
    )
    backbone.prompt.data *= 20  # large enough for each token to count
    prompt = backbone.prompt.detach()
    expected = [reference(clip_vit.visual, x, prompt, layers, pos) for x in images(2)]
    features = backbone(images(2))
    torch.testing.assert_close(features, torch.stack(expected), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(features, clip_vit.encode_image(images(2)), atol=1e-2)


def test_arguments_come_in_the_order_of_the_release():
    names = [*inspect.signature(PromptedCLIPImageBackbone.__init__).parameters][1:6]
    expected = ['arch', 'prompt_length', 'prompt_layers', 'prompt_pos', 'prompt_init']
    assert names == expected


@pytest.mark.parametrize('proj', [True, False])
@pytest.mark.parametrize('pos', ['prepend', 'add'])
def test_without_prompt_tokens_it_is_the_plain_backbone(vit_file, images, pos, proj):
    backbone = build(
        vit_file, prompt_length=0, prompt_layers=[0, 2], prompt_pos=pos, proj=proj
    )
    assert backbone.prompt.shape == (2, 0, 64)
    plain = CLIPImageBackbone(vit_file, proj=proj)
    assert torch.equal(backbone(images()), plain(images()))


def test_gradients_reach_the_prompt_and_nothing_frozen(vit_file, images):
    backbone = build(vit_file, prompt_length=2, prompt_layers=[0, 3]).train()
    backbone(images()).sum().backward()
    assert (backbone.prompt.grad.abs().amax(-1) > 0).all()  # each token of each block
    assert all(p.grad is None for p in backbone.model.parameters())
    assert not any(m.training for m in backbone.model.modules())


def test_no_graph_is_kept_before_the_first_prompt(vit_file, images):
    backbone = build(vit_file, prompt_layers=[2]).train()
    needs_graph = []
    for block in backbone.model.transformer.resblocks:
        block.mlp.register_forward_hook(
            lambda module, inputs, output: needs_graph.append(output.requires_grad)
        )
    backbone(images())
    assert needs_graph == [False, False, True, True]


def test_unfixed_all_of_it_trains(vit_file, images):
    backbone = build(vit_file, fix=False).train()
    backbone(images()).pow(2).sum().backward()
    assert all(p.grad is not None for p in backbone.parameters())


def test_token_prompt_is_the_mean_of_the_first_training_batch(
    vit_file, clip_vit, images
):
    visual, seen = clip_vit.visual, []
    hook = visual.ln_pre.register_forward_hook(lambda m, i, out: seen.append(out))
    visual(images())
    hook.remove()
    mean = seen[0].double().mean((0, 1)).float()  # class token included
    for grad in (True, False):
        backbone = build(
            vit_file, prompt_length=2, prompt_layers=[0, 3], prompt_init='token'
        ).train()
        assert not backbone.prompt_initialized
        with torch.set_grad_enabled(grad):
            first = backbone(images())
            backbone(images(seed=1))
        torch.testing.assert_close(backbone.prompt, mean.expand(2, 2, -1))
        assert backbone.prompt_initialized
        # The first batch is itself seen with the prompt in place.
        torch.testing.assert_close(backbone.eval()(images()), first)


def test_an_untrained_token_prompt_is_evaluated_as_zeros(vit_file, images):
    backbone = build(vit_file, prompt_init='token').eval()
    with pytest.warns(UserWarning, match='evaluated as zeros'):
        features = backbone(images())
    assert not backbone.prompt.any()
    assert not backbone.prompt_initialized
    zero = build(vit_file, prompt_init='zero').eval()
    assert torch.equal(features, zero(images()))


def test_bfloat16_autocast_is_near_single_precision(vit_file, images):
    backbone = build(vit_file, prompt_length=2, prompt_layers=[0, 2])
    exact = backbone.train()(images())
    exact.sum().backward()
    gradient, backbone.prompt.grad = backbone.prompt.grad, None
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half = backbone(images())
        half.sum().backward()
    assert F.cosine_similarity(half.float(), exact).min() > 0.9995
    assert not torch.equal(half, exact)
    assert backbone.prompt.grad.dtype == backbone.prompt.dtype == torch.float32
    difference = (backbone.prompt.grad - gradient).norm()
    assert difference < 0.05 * gradient.norm()


def test_token_prompt_under_autocast_is_a_mean_in_single_precision(vit_file, images):
    exact, half = (build(vit_file, prompt_init='token').train() for _ in range(2))
    exact(images(8))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half(images(8))
    assert half.prompt.dtype == torch.float32
    assert (half.prompt - exact.prompt).norm() < 0.01 * exact.prompt.norm()


def test_other_image_sizes(vit_file, images):
    backbone = build(vit_file, prompt_length=3, prompt_pos='add')
    assert backbone(images(2, 40, 24)).shape == (2, 24)  # 15 patches
    assert backbone(images(2, 8)).shape == (2, 24)  # 1 patch, fewer than prompts


@pytest.mark.parametrize('prompt_init', ['normal', 'token'])
def test_mmcls_own_classifier_trains_the_prompt_alone(vit_file, images, prompt_init):
    backbone = {
        'type': 'PromptedCLIPImageBackbone',
        'arch': vit_file,
        'prompt_init': prompt_init,
    }
    head = {'type': 'LinearClsHead', 'num_classes': 2, 'in_channels': 24}
    model = build_classifier(
        {'type': 'ImageClassifier', 'backbone': backbone, 'head': head}
    )
    model.init_weights()
    model.train()
    label = torch.tensor([0, 1, 1])
    model(images(), gt_label=label)['loss'].backward()
    before = {k: v.clone() for k, v in model.backbone.named_parameters()}
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    after = dict(model.backbone.named_parameters())
    changed = [name for name in before if not torch.equal(after[name], before[name])]
    assert changed == ['prompt']
    assert len(model.eval()(images(), return_loss=False)) == 3


def test_a_resnet_has_no_tokens_to_prompt(resnet_file):
    with pytest.raises(ValueError, match=r'resnet\.pt is a ModifiedResNet'):
        build(resnet_file)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'prompt_layers': [4]}, r'names \[4\], but this backbone has 4 blocks'),
        ({'prompt_init': 'ones'}, r"'ones'; choose one of \['normal'"),
        ({'prompt_pos': 'append'}, r"'append'; choose one of \['prepend', 'add'\]"),
    ],
)
def test_options_that_do_not_fit_are_an_error(vit_file, options, message):
    with pytest.raises(ValueError, match=message):
        build(vit_file, **options)


@pytest.mark.parametrize('kind', ['vit_file', 'resnet_file'])
def test_a_border_in_vits_and_resnets(kind, images, request):
    arch = request.getfixturevalue(kind)
    options = {'prompt_length': 2, 'prompt_pos': 'pad', 'prompt_init': 'uniform'}
    framed = build(arch, **options).train()
    plain = build_backbone({'type': 'CLIPImageBackbone', 'arch': arch})
    side = plain.model.input_resolution
    x = images(2, side)
    assert framed.prompt.shape == (4, 3, 2, side)
    framed(x).square().sum().backward()
    assert [n for n, p in framed.named_parameters() if p.grad is not None] == ['prompt']
    assert (framed.prompt.grad.abs().amax((1, 2, 3)) > 0).all()
    assert not torch.allclose(framed(x), plain(x))
    framed.prompt.data.zero_()
    torch.testing.assert_close(framed(x), plain(x))


@pytest.mark.parametrize('kind', ['vit_file', 'resnet_file'])
def test_lora_in_vits_and_resnets(kind, images, request):
    pytest.importorskip('peft', reason="pip install '.[lora]'")
    arch = request.getfixturevalue(kind)
    adapted = build(arch, prompt_length=0, prompt_pos='pad', lora={'r': 2})
    plain = build_backbone({'type': 'CLIPImageBackbone', 'arch': arch})
    x = images(2, plain.model.input_resolution)
    torch.testing.assert_close(adapted(x), plain(x))
    adapted(x).square().sum().backward()
    gradients = {n: p.grad for n, p in adapted.named_parameters() if p.requires_grad}
    assert gradients
    assert all('lora_' in name for name in gradients)
    assert all(g.abs().max() > 0 for n, g in gradients.items() if 'lora_B' in n)


def test_lora_where_it_would_be_read_past_is_an_error(vit_file):
    pytest.importorskip('peft', reason="pip install '.[lora]'")
    with pytest.raises(ValueError, match=r'resblocks\.0\.attn, whose bare weights'):
        build(vit_file, lora={'r': 2, 'target_modules': ['attn']})


def test_lora_behind_the_attention_is_trained(vit_file, images):
    pytest.importorskip('peft', reason="pip install '.[lora]'")
    adapted = build(vit_file, lora={'r': 2, 'target_modules': ['out_proj']})
    x = images(2, adapted.model.input_resolution)
    adapted(x).square().sum().backward()
    gradients = [p.grad for n, p in adapted.named_parameters() if 'lora_B' in n]
    assert gradients
    assert all(g.abs().max() > 0 for g in gradients)
