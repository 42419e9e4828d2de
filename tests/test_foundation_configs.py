"""Configs of configs/foundation: names, widths and statistics fit one another."""

import re
from pathlib import Path

import pytest
import timm
import torch
import yaml
from mmcv import Config

import cite  # noqa: F401
from cite.models.backbones import timm_models
from cite.models.image_stats import image_stats

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / 'configs' / 'foundation'
CONFIGS = sorted(p for p in FOLDER.rglob('*.py') if '_base_' not in p.parts)
ZOO = (ROOT / 'docs' / 'MODEL_ZOO.md').read_text(encoding='utf-8')
# Width shared with text, as they were published.
CLIP_WIDTHS = {
    'ViT-B/32': 512,
    'ViT-B/16': 512,
    'ViT-L/14': 768,
    'RN50': 1024,
    'RN101': 512,
    'data/models/pmc_clip.pt': 768,
}
INTERN_WIDTHS = {'tiny': 768, 'small': 960, 'base': 1344}


def ids(path):
    return path.stem


@pytest.mark.parametrize('path', CONFIGS, ids=ids)
def test_the_neck_is_as_wide_as_the_backbone(path, monkeypatch):
    for draw in ('normal_', 'uniform_', 'erfinv_'):  # seconds, for weights of no use
        monkeypatch.setattr(torch.Tensor, draw, lambda weights, *_, **__: weights)
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile(str(path))
    backbone, width = cfg.model.backbone, cfg.model.neck.in_features
    if backbone.type == 'TIMMImageBackbone':
        few = {'depth': 1} if 'vit' in backbone.model_name else {}
        image_options = {k: v for k, v in backbone.items() if k.startswith('img_')}
        if not few and not backbone.model_name.startswith(('remedis', 'ctrans')):
            few = {'depth': 1}
        model = timm_models.create(backbone.model_name, False, **few, **image_options)
        assert width == model.num_features
        tokens = timm_models.is_plain_vit(model)
        assert tokens == (backbone.get('prompt_pos') != 'pad')
    elif backbone.type == 'InternImage':
        assert width == INTERN_WIDTHS[backbone.arch]
    elif backbone.type == 'PromptedCLIPImageBackbone':
        assert width == CLIP_WIDTHS.get(backbone.arch, 512)
    else:
        assert backbone.type == 'TransformersImageBackbone'


@pytest.mark.parametrize('path', CONFIGS, ids=ids)
def test_statistics_are_known_from_the_name(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile(str(path))
    steps = [cfg.data[s].pipeline[0] for s in ('train', 'val', 'test')]
    assert all(step.mean == step.std == 'model' for step in steps)
    arch = cfg.model.backbone.get('arch', '')
    if cfg.model.backbone.type == 'TransformersImageBackbone' or arch.endswith('.pt'):
        return  # it names a folder or file that is not here
    stats = image_stats(cfg.model.backbone)
    assert len(stats.mean) == len(stats.std) == 3
    side = steps[0].size
    model = cfg.model.backbone.get('model_name', '')
    patch = re.search(r'patch(\d+)', model)
    assert side % int(patch[1] if patch else 1) == 0


@pytest.mark.parametrize('path', CONFIGS, ids=ids)
def test_every_config_has_its_row_and_its_entry(path):
    name = str(path.relative_to(ROOT))
    assert f'({"../" + name})' in ZOO
    entries = yaml.safe_load((path.parent / 'metafile.yml').read_text())
    (entry,) = (m for m in entries['Models'] if m['Config'] == name)
    row = next(line for line in ZOO.split('\n') if f'({"../" + name})' in line)
    # The address behind a licence's words is the table's alone.
    licence = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', row.split(' | ')[3])
    stated = None if licence in ('?', 'none stated') else licence
    assert entry['Metadata'].get('Licence') == stated


def test_registered_models_are_all_in_a_config():
    text = ''.join(path.read_text() for path in CONFIGS)
    from cite.models.architectures import NAMED

    assert [name for name in NAMED if f"'{name}'" not in text] == []
    assert all(timm.is_model(name) for name in NAMED)


@torch.no_grad()
def test_a_leafs_backbone_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile(str(FOLDER / 'pathology' / 'virchow2.py'))
    cfg.model.backbone.update(checkpoint=None, depth=1, prompt_init='normal')
    from mmcls.models import build_backbone

    backbone = build_backbone(cfg.model.backbone).eval()
    # One class token and four registers come before the prompt.
    seen = []
    backbone.model.blocks[0].register_forward_pre_hook(lambda m, x: seen.append(x[0]))
    assert backbone(torch.randn(1, 3, 28, 28)).shape == (1, 1280)
    assert seen[0].shape == (1, 1 + 4 + 1 + 4, 1280)
    torch.testing.assert_close(seen[0][0, 5], backbone.prompt[0, 0])
