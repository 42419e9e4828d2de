"""Every vision config of configs/foundation, against the published definition.

Seeded weights are written in the published layout and under the published names,
converted as docs/MODEL_ZOO.md says, and loaded through the shipped config, which then
encodes images of the size that it uses. By default models are narrow and shallow; with
``-m ''`` they also have their real width, with up to 12 blocks:

    pytest -m '' -rP tests/test_foundation_parity.py
"""

import inspect
import shutil
from pathlib import Path

import clip.model
import numpy as np
import pytest
import torch
import transformers
from mmcls.models import build_backbone
from mmcv import Config
from parity import measure
from published_bit import build as build_bit
from published_bit import variables
from published_intern_image import Published
from published_swin import Reference
from published_vits import (
    BASE,
    GIANT,
    HUGE,
    LARGE,
    SMALL,
    antialiased_positions,
    dino_positions,
    dinov2_names,
    features,
    flax_arrays,
    google_positions,
    hipt_features,
    plain_positions,
    state_of,
)
from random_weights import randomise

import cite  # noqa: F401
from cite.apis.convert import convert_checkpoint

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / 'configs' / 'foundation'
NARROW = {'width': 96, 'depth': 2, 'heads': 3}
DINOV2 = {'patch': 14, 'grid': 37, 'scaled': True}
GATED = {'patch': 14, 'grid': 16, 'gated': True, 'scaled': True}
REGISTERS = {'registers': 4, 'rule': antialiased_positions}
TIMM = {'rule': antialiased_positions}
PLAIN = {'rule': plain_positions}
DINO = {'rule': dino_positions, 'patch': 16, 'grid': 14}


def teacher(state):
    return {'teacher': {f'module.backbone.{k}': v for k, v in state.items()}}


def mae(state):
    return {'model': {**state, 'decoder_embed.weight': torch.ones(2, 2)}}


def trunk(state):
    text = {'text.token_embedding.weight': torch.ones(2, 2)}
    return {**{f'visual.trunk.{k}': v for k, v in state.items()}, **text}


# Config: layout for --from, sizes, how its file wraps and names the weights.
VITS = {
    'retfound/retfound_vitl16': ('retfound', {**LARGE, **PLAIN}, mae),
    'hipt/hipt_vit256': ('hipt', {**SMALL, **DINO}, teacher),
    **{
        f'dinov2/dinov2_vit{letter}14{end}': (
            'dinov2',
            {
                **size,
                **DINOV2,
                **gate,
                **(REGISTERS if end else {'rule': dino_positions}),
            },
            dinov2_names,
        )
        for letter, size, gate in (
            ('s', SMALL, {}),
            ('b', BASE, {}),
            ('l', LARGE, {}),
            ('g', GIANT, {'gated': True, 'ratio': 2.66667 * 2}),
        )
        for end in ('', '_reg')
    },
    'mae/mae_vitb16': ('mae', {**BASE, **PLAIN}, mae),
    'mae/mae_vitl16': ('mae', {**LARGE, **PLAIN}, mae),
    'mae/mae_vith14': ('mae', {**HUGE, **PLAIN, 'patch': 14, 'grid': 16}, mae),
    'pathology/uni': ('timm', {**LARGE, **TIMM, 'scaled': True}, dict),
    'pathology/uni2_h': (
        'timm',
        {
            **{**GIANT, **TIMM, **GATED, 'depth': 24, 'ratio': 2.66667 * 2},
            **{'registers': 8, 'positions_of': 'patches'},
        },
        dict,
    ),
    'pathology/virchow': ('timm', {**HUGE, **TIMM, **GATED, 'ratio': 5.3375}, dict),
    'pathology/virchow2': (
        'timm',
        {
            **{**HUGE, **TIMM, **GATED, 'ratio': 5.3375},
            **{'registers': 4, 'positions_of': 'all'},
        },
        dict,
    ),
    'pathology/prov_gigapath': (
        'timm',
        {**GIANT, **TIMM, **GATED, 'patch': 16, 'grid': 14, 'ratio': 5.33334},
        dict,
    ),
    'pathology/h_optimus_0': (
        'timm',
        {
            **{**GIANT, **TIMM, **GATED, 'ratio': 2.66667 * 2},
            **{'registers': 4, 'positions_of': 'patches'},
        },
        dict,
    ),
    'pathology/conch': ('clip', {**BASE, **TIMM, 'grid': 28}, trunk),
    'pathology/biomedclip': ('clip', {**BASE, **TIMM}, trunk),
}
REAL = pytest.mark.long
WIDTHS = [pytest.param(True, id='narrow'), pytest.param(False, id='real', marks=REAL)]


@pytest.fixture
def backbone(tmp_path, monkeypatch):
    """Convert a published file and load it through a shipped config."""
    monkeypatch.chdir(ROOT)

    def load(config, source=None, layout=None, suffix='.safetensors', **changes):
        cfg = Config.fromfile(str(FOLDER / f'{config}.py'))
        out = tmp_path / f'out{suffix}'
        if layout:
            convert_checkpoint(source, out, layout, log=lambda text: None)
        options = dict(cfg.model.backbone)
        key = {'TransformersImageBackbone': 'model_name', 'TIMMImageBackbone': None}
        key = key.get(options['type'], 'arch') or 'checkpoint'
        if options['type'] == 'InternImage':
            key = 'checkpoint'
        options[key] = str(out if layout else source)
        options.update(prompt_length=0, prompt_init='normal', **changes)
        return build_backbone(options).eval(), cfg.data.test.pipeline[0].size

    yield load
    shutil.rmtree(tmp_path)  # pytest would keep gigabytes of three runs


def pictures(side, channels=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1, channels, side, side, generator=generator)


def cut(sizes, narrow):
    """Return sizes of a narrow and shallow model, or of the real width."""
    few = NARROW if narrow else {'depth': min(sizes['depth'], 12)}
    return {'patch': 16, 'grid': 14, **sizes, **few}


def sizes_of_config(sizes):
    return {
        'embed_dim': sizes['width'],
        'depth': sizes['depth'],
        'num_heads': sizes['heads'],
    }


@pytest.mark.parametrize('narrow', WIDTHS)
@pytest.mark.parametrize('config', VITS)
@torch.no_grad()
def test_plain_vits(tmp_path, backbone, config, narrow):
    layout, sizes, publish = VITS[config]
    sizes = cut(sizes, narrow)
    state = state_of(**sizes)
    torch.save(publish(state), tmp_path / 'published.pth')
    loaded, side = backbone(
        config, tmp_path / 'published.pth', layout, **sizes_of_config(sizes)
    )
    images = pictures(side)
    measure(config, loaded(images), features(state, images, **sizes))


@pytest.mark.parametrize('side', [256, 384])
@torch.no_grad()
def test_positions_off_the_grid_of_what_was_trained_at_224(tmp_path, backbone, side):
    """HIPT's own size, and MAE's util/pos_embed.py at another one."""
    for config in ('hipt/hipt_vit256', 'mae/mae_vitb16', 'pathology/biomedclip'):
        layout, sizes, publish = VITS[config]
        sizes = cut(sizes, narrow=True)
        state = state_of(**sizes)
        torch.save(publish(state), tmp_path / 'published.pth')
        changes = sizes_of_config(sizes)
        loaded, _ = backbone(config, tmp_path / 'published.pth', layout, **changes)
        images = pictures(side)
        measure(f'{config} at {side}', loaded(images), features(state, images, **sizes))
        (tmp_path / 'out.safetensors').unlink()


@pytest.mark.parametrize('side', [None, 384])
@pytest.mark.parametrize('narrow', WIDTHS)
@torch.no_grad()
def test_googles_npz(tmp_path, backbone, narrow, side):
    config = 'vit/vitb16_in21k'
    sizes = cut({**BASE, 'rule': google_positions, 'gelu': 'tanh'}, narrow)
    state = state_of(**sizes)
    np.savez(tmp_path / 'B_16.npz', **flax_arrays(state, sizes['heads']))
    loaded, own = backbone(
        config, tmp_path / 'B_16.npz', 'vit', **sizes_of_config(sizes)
    )
    images = pictures(side or own)
    measure(config, loaded(images), features(state, images, **sizes))


@pytest.mark.parametrize('narrow', WIDTHS)
@torch.no_grad()
def test_transformers_vit(tmp_path, backbone, narrow):
    """google/vit-base-patch16-224-in21k, whose norms have epsilon 1e-12."""
    config = 'vit/vitb16_in21k'
    sizes = cut(BASE, narrow)
    model = transformers_model('ViT', sizes, image_size=224, patch_size=16)
    model.save_pretrained(tmp_path / 'vit')
    loaded, side = backbone(config, tmp_path / 'vit', 'vit', **sizes_of_config(sizes))
    images = pictures(side)
    measure(config, loaded(images), model(images).last_hidden_state[:, 0])
    images = pictures(side + 32)
    wanted = model(images, interpolate_pos_encoding=True).last_hidden_state[:, 0]
    measure(config, loaded(images), wanted)


@pytest.mark.parametrize('narrow', WIDTHS)
@pytest.mark.parametrize(
    ('config', 'kind', 'real'),
    [('phikon', 'ViT', BASE), ('phikon_v2', 'Dinov2', LARGE)],
)
@torch.no_grad()
def test_models_by_hub_name(tmp_path, backbone, config, kind, real, narrow):
    model = transformers_model(kind, cut(real, narrow), image_size=224, patch_size=16)
    model.save_pretrained(tmp_path / 'folder')
    loaded, side = backbone(f'pathology/{config}', tmp_path / 'folder')
    images = pictures(side)
    wanted = model(images).last_hidden_state[:, 0]
    measure(f'pathology/{config}', loaded(images), wanted)


def transformers_model(kind, sizes, **options):
    config = getattr(transformers, f'{kind}Config')(
        hidden_size=sizes['width'],
        num_hidden_layers=sizes['depth'],
        num_attention_heads=sizes['heads'],
        intermediate_size=4 * sizes['width'],
        **options,
    )
    model = getattr(transformers, f'{kind}Model')
    pooler = 'add_pooling_layer' in inspect.signature(model).parameters
    return randomise(
        model(config, **({'add_pooling_layer': False} if pooler else {})), 0
    )


@pytest.mark.parametrize('narrow', WIDTHS)
@torch.no_grad()
def test_hipts_regions(tmp_path, backbone, narrow):
    """HIPT_4K at the regions of 1024 pixels that the config reads: 4 x 4 positions."""
    config = 'hipt/hipt_4k'
    inner = cut({**SMALL, **DINO}, narrow)
    outer = {**DINO, 'width': 192, 'depth': 2 if narrow else 6, 'heads': 6}
    patches, region = state_of(**inner), state_of(**outer, seed=1)
    generator = torch.Generator().manual_seed(2)
    phi = {
        'phi.0.weight': torch.randn(192, inner['width'], generator=generator) * 0.1,
        'phi.0.bias': torch.randn(192, generator=generator),
    }
    no_patches = {k: v for k, v in region.items() if 'patch_embed' not in k}
    torch.save(teacher({**no_patches, **phi}), tmp_path / 'vit4k_xs_dino.pth')
    torch.save(teacher(patches), tmp_path / 'vit256_small_dino.pth')
    if narrow:  # the converter knows the published sizes alone
        state = {**{f'patch_embed.{k}': v for k, v in phi.items()}, **no_patches}
        state.update({f'patch_embed.vit.{k}': v for k, v in patches.items()})
        torch.save(state, tmp_path / 'vit4k_xs_dino.pth')
    loaded, side = backbone(
        config,
        tmp_path / 'vit4k_xs_dino.pth',
        None if narrow else 'hipt',
        depth=outer['depth'],
        **({'vit': sizes_of_config(inner)} if narrow else {}),
    )
    assert side == 1024
    images = pictures(side)
    wanted = hipt_features(patches, region, phi, images, inner, outer)
    measure(config, loaded(images), wanted)


@pytest.mark.parametrize(
    'size', ['50x1', pytest.param('152x2', marks=pytest.mark.long)]
)
@torch.no_grad()
def test_remedis(tmp_path, backbone, size):
    """The published graph turns pixels x from 0 to 1 into 2x - 1."""
    from cite.models.image_stats import image_stats

    model = build_bit(size, randomise)
    np.savez(tmp_path / 'remedis.npz', **variables(model, ''))
    config = f'remedis/remedis_bit{size}'
    loaded, side = backbone(config, tmp_path / 'remedis.npz', 'remedis')
    pixels = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    cfg = Config.fromfile(str(FOLDER / f'{config}.py')).model.backbone
    stats = image_stats({**cfg, 'checkpoint': str(tmp_path / 'out.safetensors')})
    mean, std = (torch.tensor(v)[:, None, None] for v in (stats.mean, stats.std))
    wanted = model(2 * pixels - 1).pooler_output.flatten(1)
    measure(config, loaded((pixels - mean) / std), wanted)


@pytest.mark.parametrize('config', ['ctranspath/ctranspath', 'pathology/mi_zero'])
@torch.no_grad()
def test_ctranspath(tmp_path, backbone, config):
    torch.manual_seed(0)
    reference = Reference(randomise).eval()
    published = reference.published()
    if 'mi_zero' in config:
        published = {
            f'module.visual.trunk.{k}': v for k, v in published['model'].items()
        }
        published = {'state_dict': published}
    torch.save(published, tmp_path / 'ctranspath.pth')
    loaded, side = backbone(config, tmp_path / 'ctranspath.pth', 'ctranspath')
    images = pictures(side)
    measure(config, loaded(images), reference(images))


@pytest.mark.parametrize(
    'arch', ['tiny', *(pytest.param(a, marks=REAL) for a in ('small', 'base'))]
)
@torch.no_grad()
def test_intern_image(tmp_path, backbone, arch):
    from cite.models.architectures import InternImageModel
    from cite.models.backbones.intern_image import ARCHS

    model = randomise(InternImageModel(**ARCHS[arch]), 0)
    norm = model.conv_head[1][0]
    norm.running_mean.fill_(0.1)
    norm.running_var.fill_(2)
    state = model.state_dict()
    torch.save({'model': state}, tmp_path / 'internimage.pth')
    config = f'internimage/internimage_{arch}'
    loaded, side = backbone(config, tmp_path / 'internimage.pth', 'internimage')
    images = pictures(side)
    wanted = Published(state, ARCHS[arch]['groups'], ARCHS[arch]['post_norm'])(images)
    measure(config, loaded(images), wanted)


# Width and heads, blocks, patch, width shared with text.
TOWERS = {
    'clip/clip_vitb32': (768, 12, 32, 512),
    'clip/clip_vitb16': (768, 12, 16, 512),
    'clip/clip_vitl14': (1024, 24, 14, 768),
    'clip/clip_rn50': (64, (3, 4, 6, 3), None, 1024),
    'clip/clip_rn101': (64, (3, 4, 23, 3), None, 512),
    'pathology/pmc_clip': (64, (3, 4, 6, 3), None, 768),
}
TEXT = {
    'context_length': 7,
    'vocab_size': 50,
    'transformer_width': 64,
    'transformer_heads': 1,
    'transformer_layers': 1,
}


@pytest.mark.parametrize('narrow', WIDTHS)
@pytest.mark.parametrize('config', TOWERS)
@torch.no_grad()
def test_openai(tmp_path, backbone, config, narrow):
    """OpenAI's own class computes the reference."""
    width, depth, patch, common = TOWERS[config]
    if narrow:
        width, common = 64, 64
        depth = 2 if patch else (1, 2, 1, 1)
    model = clip.model.CLIP(
        embed_dim=common,
        image_resolution=224,
        vision_layers=depth,
        vision_width=width,
        vision_patch_size=patch,
        **TEXT,
    ).float()
    randomise(model, 0)
    for name, buffer in model.named_buffers():
        if name.endswith(('running_mean', 'running_var')):
            buffer.copy_(torch.rand(buffer.shape) + (0.5 if 'var' in name else -0.5))
    state = model.state_dict()
    if config == 'pathology/pmc_clip':
        state = pmc_clip_names(state)
    torch.save(state, tmp_path / 'clip.pt')
    loaded, side = backbone(config, tmp_path / 'clip.pt')
    images = pictures(side)
    measure(config, loaded(images), model.encode_image(images))


def pmc_clip_names(state):
    """Return PMC-CLIP's checkpoint: this image tower, a BERT, and a fusion of both."""
    tower = {f'module.{k}': v for k, v in state.items() if k.startswith('visual.')}
    others = ('text_encoder.embeddings.word_embeddings.weight', 'text_projection')
    others += ('fusion_module.resblocks.0.attn.in_proj_weight', 'mlm_projection')
    tower.update({f'module.{name}': torch.ones(3, 2) for name in others})
    return {'epoch': 1, 'name': 'PMC-CLIP', 'state_dict': tower}


@pytest.mark.parametrize('narrow', WIDTHS)
@pytest.mark.parametrize('config', ['plip', 'quiltnet_b32', 'pubmedclip'])
@torch.no_grad()
def test_transformers_clip(tmp_path, backbone, config, narrow):
    vision = {'patch_size': 32, 'image_size': 224}
    if narrow:
        few = {'hidden_size': 128, 'num_attention_heads': 2, 'intermediate_size': 512}
        vision.update(few, num_hidden_layers=2)
    text = {'num_hidden_layers': 1, 'vocab_size': 50}
    text.update(hidden_size=64, num_attention_heads=1, intermediate_size=256)
    options = transformers.CLIPConfig(vision_config=vision, text_config=text)
    model = randomise(transformers.CLIPModel(options), 0)
    model.save_pretrained(tmp_path / 'folder')
    config = f'pathology/{config}'
    loaded, side = backbone(config, tmp_path / 'folder', 'clip', suffix='.pt')
    images = pictures(side)
    features = model.get_image_features(images)  # from transformers 5 on, an output
    features = getattr(features, 'pooler_output', features)
    measure(config, loaded(images), features)


def test_every_vision_config_is_measured():
    """Names of the parametrised tests above, against the folder."""
    measured = {*VITS, *TOWERS, 'vit/vitb16_in21k', 'hipt/hipt_4k'}
    measured |= {f'remedis/remedis_bit{size}' for size in ('50x1', '152x2')}
    measured |= {'ctranspath/ctranspath', 'pathology/mi_zero'}
    measured |= {
        f'internimage/internimage_{arch}' for arch in ('tiny', 'small', 'base')
    }
    for name in ('phikon', 'phikon_v2', 'plip', 'quiltnet_b32', 'pubmedclip'):
        measured.add(f'pathology/{name}')
    shipped = {
        str(path.relative_to(FOLDER).with_suffix(''))
        for path in FOLDER.rglob('*.py')
        if path.parent.name not in ('_base_', 'language', 'vision_language')
    }
    assert measured == shipped


@pytest.mark.parametrize('room', ['language', 'vision_language'])
def test_other_configs_have_the_backbone_of_a_measured_one(room, monkeypatch):
    monkeypatch.chdir(ROOT)
    backbones = [
        Config.fromfile(str(path)).model.backbone
        for path in FOLDER.rglob('*.py')
        if path.parent.name not in ('_base_', 'language', 'vision_language')
    ]
    for path in (FOLDER / room).glob('*.py'):
        assert Config.fromfile(str(path)).model.backbone in backbones, path
