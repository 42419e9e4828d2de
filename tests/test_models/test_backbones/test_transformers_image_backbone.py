"""Image models of transformers: plain equals theirs, prompted equals a rewrite."""

import inspect

import pytest
import torch
from mmcls.models import build_backbone
from saved_model import save_model
from tiny_image_models import MODELS, SIZES
from transformers import (
    Dinov2Config,
    Dinov2Model,
    ViTConfig,
    ViTForImageClassification,
)

PLAIN = ('vit', 'dinov2', 'registers', 'clip')


@pytest.fixture
def folder(tmp_path):
    """Write a model as transformers does; returns the function."""

    def write(kind, safe=True):
        torch.manual_seed(0)
        model = MODELS[kind]().eval()
        for parameter in model.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        save_model(model, tmp_path / kind, safe)
        return model, str(tmp_path / kind)

    return write


def build(path, **options):
    torch.manual_seed(0)
    return build_backbone(
        {'type': 'TransformersImageBackbone', 'model_name': path, **options}
    ).eval()


def reference(kind, model, x, **options):
    """What transformers itself computes."""
    if kind == 'vit':
        return model.vit(x, **options).last_hidden_state[:, 0]
    if kind == 'clip':
        return model.vision_model(x, **options).pooler_output
    if kind in ('dinov2', 'gated', 'registers'):
        return model(x).last_hidden_state[:, 0]
    return model(x).pooler_output.flatten(1)


@pytest.mark.parametrize('safe', [True, False])
@pytest.mark.parametrize('kind', MODELS)
@torch.no_grad()
def test_plain_features_are_transformers(folder, images, kind, safe):
    model, path = folder(kind, safe)
    backbone = build(path)
    torch.testing.assert_close(backbone(images()), reference(kind, model, images()))
    assert backbone.weights_source == path


@pytest.mark.parametrize('kind', PLAIN)
@torch.no_grad()
def test_other_sizes(folder, images, kind):
    model, path = folder(kind)
    x = images(1, 48, 40)
    option = {'interpolate_pos_encoding': True}
    torch.testing.assert_close(build(path)(x), reference(kind, model, x, **option))
    with pytest.raises(ValueError, match='patches of 8x8 do not tile'):
        build(path)(images(1, 36))


@pytest.mark.parametrize('kind', PLAIN)
@pytest.mark.parametrize('pos', ['prepend', 'add'])
@pytest.mark.parametrize('layers', [[0], [0, 2]])
@torch.no_grad()
def test_prompted_features_are_those_of_a_plain_rewrite(
    folder, images, kind, pos, layers
):
    model, path = folder(kind)
    backbone = build(
        path,
        prompt_length=2,
        prompt_layers=layers,
        prompt_pos=pos,
        prompt_init='uniform',
    )
    backbone.prompt *= 10
    tower = {'vit': 'vit', 'clip': 'vision_model'}.get(kind)
    tower = getattr(model, tower) if tower else model
    x = tower.embeddings(images())
    start = 3 if kind == 'registers' else 1
    if kind == 'clip':
        x = tower.pre_layrnorm(x)
    blocks = next(m for m in tower.modules() if isinstance(m, torch.nn.ModuleList))
    # transformers 4's blocks of CLIP ask for two masks, 5's for one.
    masks = [
        None
        for parameter in inspect.signature(blocks[0].forward).parameters.values()
        if parameter.name.endswith('mask') and parameter.default is parameter.empty
    ]
    inserted = 0
    for number, block in enumerate(blocks):
        if number in layers:
            row = backbone.prompt[layers.index(number)]
            first, patches = x[:, :start], x[:, start + inserted :]
            if pos == 'prepend':
                inserted = 2
                x = torch.cat([first, row.expand(3, -1, -1), patches], 1)
            else:  # 16 patches, eight rounds of 2 prompts
                x = torch.cat([first, patches + row.repeat(8, 1)], 1)
        x = block(x, *masks)
        x = x[0] if isinstance(x, tuple) else x
    norm = tower.post_layernorm if kind == 'clip' else tower.layernorm
    torch.testing.assert_close(backbone(images()), norm(x)[:, 0])


@pytest.mark.parametrize('kind', PLAIN)
def test_gradients_reach_the_prompt_alone(folder, images, kind):
    _, path = folder(kind)
    backbone = build(path, prompt_length=2, prompt_init='token').train()
    backbone(images()).square().sum().backward()
    assert backbone.prompt_initialized
    names = [n for n, p in backbone.named_parameters() if p.grad is not None]
    assert names == ['prompt']
    assert (backbone.prompt.grad.abs().amax(-1) > 0).all()
    assert not any(m.training for m in backbone.model.modules())
    torch.testing.assert_close(
        build(path, prompt_length=0)(images()), build(path)(images())
    )


@pytest.mark.parametrize('kind', ['swin', 'bit'])
def test_a_border_where_there_are_no_tokens(folder, images, kind):
    _, path = folder(kind)
    with pytest.raises(ValueError, match="prompt_pos='pad'"):
        build(path, prompt_length=1)
    options = {'prompt_init': 'uniform', 'prompt_pos': 'pad'}
    backbone = build(path, prompt_length=2, **options)
    assert not torch.equal(backbone(images()), build(path)(images()))


@pytest.mark.parametrize('kind', MODELS)
def test_lora(folder, images, kind):
    pytest.importorskip('peft', reason="pip install '.[lora]'")
    _, path = folder(kind)
    backbone = build(path, lora={'r': 2})
    torch.testing.assert_close(backbone(images()), build(path)(images()))
    backbone(images()).square().sum().backward()
    names = [n for n, p in backbone.named_parameters() if p.grad is not None]
    assert names
    assert all('lora_' in name for name in names)


def test_what_is_not_there_is_named(folder, tmp_path, monkeypatch):
    _, path = folder('vit')
    (tmp_path / 'vit' / 'model.safetensors').unlink()
    with pytest.raises(FileNotFoundError, match=r'lacks model\.safetensors'):
        build(path)
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'empty' / 'pytorch_model.bin').touch()
    with pytest.raises(FileNotFoundError, match=r'has no config\.json'):
        build(str(tmp_path / 'empty'))
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    with pytest.raises(FileNotFoundError, match=r'--local-dir nothing.*ask for access'):
        build('nobody/nothing')


def test_weights_of_another_model_are_an_error(folder, tmp_path):
    _, path = folder('vit')
    (tmp_path / 'vit' / 'config.json').write_text(
        Dinov2Config(**SIZES).to_json_string()
    )
    with pytest.raises(ValueError, match=r'lacks .* weights of Dinov2Model'):
        build(path)


@pytest.mark.long
@pytest.mark.parametrize('name', ['phikon', 'phikon-v2'])
@torch.no_grad()
def test_full_sizes(tmp_path, name):
    """Phikon's ViT-B/16 and ViT-L/16 against timm's; ``-rP`` shows the parity."""
    from cite.apis.convert import convert_checkpoint

    base = {'hidden_size': 768, 'num_hidden_layers': 12, 'num_attention_heads': 12}
    large = {'hidden_size': 1024, 'num_hidden_layers': 24, 'num_attention_heads': 16}
    torch.manual_seed(0)
    if name == 'phikon':
        model = ViTForImageClassification(ViTConfig(**base, intermediate_size=3072))
    else:
        model = Dinov2Model(Dinov2Config(**large, patch_size=16, image_size=224))
    for parameter in model.parameters():
        parameter += 0.02 * torch.randn_like(parameter)
    folder, out = tmp_path / name, tmp_path / 'out.safetensors'
    model.save_pretrained(folder)
    conversion = convert_checkpoint(folder, out, log=lambda text: None)
    heads = model.config.num_attention_heads
    wanted = build_backbone(
        {**conversion.config, 'checkpoint': str(out), 'num_heads': heads}
    ).eval()
    x = torch.randn(1, 3, 224, 224)
    features, wanted = build(str(folder))(x), wanted(x)
    apart = (features - wanted).abs().max() / wanted.abs().max()
    print(f'parity {apart:.1e}')
    assert apart <= 1e-5


def test_a_model_that_hides_patches_at_random_is_refused(tmp_path):
    from transformers import ViTMAEConfig, ViTMAEModel

    save_model(ViTMAEModel(ViTMAEConfig(**SIZES)), tmp_path / 'mae')
    with pytest.raises(ValueError, match=r'features are random. Convert it .*--from'):
        build(str(tmp_path / 'mae'))


def test_a_tower_that_transformers_has_with_texts_alone_is_refused(tmp_path, folder):
    from transformers import BlipConfig

    _, path = folder('vit')
    BlipConfig().save_pretrained(path)
    with pytest.raises(ValueError, match='no image model by itself for BlipVision'):
        build(path)


@torch.no_grad()
def test_a_pyramid_whose_class_token_comes_last(tmp_path, images):
    from transformers import PvtConfig, PvtModel

    stages = {'depths': [1] * 4, 'num_attention_heads': [1] * 4}
    config = PvtConfig(image_size=32, hidden_sizes=[16, 32, 32, 32], **stages)
    model = PvtModel(config).eval()
    save_model(model, tmp_path / 'pvt')
    wanted = model(images()).last_hidden_state[:, 0]
    torch.testing.assert_close(build(str(tmp_path / 'pvt'))(images()), wanted)
