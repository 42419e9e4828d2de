"""Keys that nothing reads: named with the nearest right one, without false alarms."""

import re
from pathlib import Path

import pytest
from mmcls import __file__ as mmcls_file
from mmcv import Config

import cite  # noqa: F401
from cite.apis.config_file import read_config
from cite.apis.config_keys import unknown_keys, unread_options

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


OPTIONS = {
    'lr': r'optimizer\.lr\.',
    'max_iters': r'write runner\.max_iters\.',
    'data_prefix': r'write data\.train\.data_prefix, data\.val\.data_prefix, ',
    'train_pipeline.0.size': "nothing reads 'train_pipeline'",
    'n': "nothing reads 'n' after that.$",
    'resume': "Did you mean 'resume_from'",
}


@pytest.mark.parametrize('key', OPTIONS)
def test_an_option_that_changes_a_variable_alone_is_named(key, monkeypatch):
    """mmcv sets options when the variables' values are in their places."""
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile(str(GLAS))
    (unread,) = unread_options(cfg, ['optimizer.lr', 'work_dir', 'seed', key])
    assert unread.key == key
    assert re.search(OPTIONS[key], unread.message)
    if key != 'train_pipeline.0.size':
        before = {k: v for k, v in cfg._cfg_dict.to_dict().items() if k != key}
        cfg.merge_from_dict({key: 1})
        after = {k: v for k, v in cfg._cfg_dict.to_dict().items() if k != key}
        assert before == after


def test_such_options_are_refused_where_a_config_is_read(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(ValueError, match="option 'data_root' has no effect"):
        read_config(GLAS, {'optimizer.lr': 1, 'data_root': 'data'})
    assert read_config(GLAS, {'optimizer.lr': 1}).optimizer.lr == 1
