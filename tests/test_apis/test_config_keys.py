"""Keys that nothing reads: named with the nearest right one, without false alarms."""

from pathlib import Path

import pytest
from mmcls import __file__ as mmcls_file
from mmcv import Config

import cite  # noqa: F401
from cite.apis.config_keys import unknown_keys

ROOT = Path(__file__).parents[2]
GLAS = ROOT / 'configs' / 'glas' / 'cite_vit-tiny_minilm.py'
OURS = [
    path
    for path in sorted((ROOT / 'configs').rglob('*.py'))
    if 'compare' not in path.parts
]
HOSTS = Path(mmcls_file).parent / '.mim' / 'configs'
MISSPELT = {
    'optimzer.lr': 'optimizer',
    'auto_resum': 'auto_resume',
    'optimizer.momentun': 'momentum',
    'runner.max_iter': 'max_iters',
    'lr_config.warmpu': 'warmup',
    'checkpoint_config.intervl': 'interval',
    'evaluation.save_bst': 'save_best',
    'data.samples_per_gp': 'samples_per_gpu',
    'data.train.patch_balanc': 'patch_balance',
    'data.train.pipeline.0.satration': 'saturation',
    'model.backbone.promt_length': 'prompt_length',
    'model.neck.in_feature': 'in_features',
    'model.head.text': 'texts',
    'model.head.text_encoder.modl': 'model',
    'log_config.hooks.0.intervl': 'interval',
    'log_config.intervall': 'interval',
    'model.train_cfg.augment': 'augments',
    'optimizer.paramwise_cfg.norm_decay_mul': 'norm_decay_mult',
    'optimizer.paramwise_cfg.custom_keys.prompt.lr_mul': 'lr_mult',
}


@pytest.mark.parametrize('path', OURS, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_shipped_config_has_an_unknown_key(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert unknown_keys(Config.fromfile(str(path))) == []


@pytest.mark.parametrize('folder', ['_base_', 'vision_transformer', 'swin_transformer'])
def test_no_config_of_mmcls_has_an_unknown_key(folder):
    for path in sorted((HOSTS / folder).rglob('*.py')):
        try:
            cfg = Config.fromfile(str(path))
        except (KeyError, FileNotFoundError):  # needs a file beside it
            continue
        assert unknown_keys(cfg) == [], path


@pytest.mark.parametrize('key', MISSPELT)
def test_a_misspelt_key_is_named_with_the_right_one(key, monkeypatch):
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile(str(GLAS))
    cfg.merge_from_dict({key: 1})
    (unknown,) = unknown_keys(cfg)
    assert f'Did you mean {MISSPELT[key]!r}?' in unknown.message


def test_variables_of_a_config_are_left_alone():
    cfg = Config({'_optimzer': 1, 'magnification': 20, 'ann_root': 'a', 'few': ''})
    assert unknown_keys(cfg) == []
