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


KEYS_OF_PLAIN_DICTS = {
    'data.val_dataloader.sample_per_gpu': 'samples_per_gpu',
    'optimizer_config': {'_delete_': True, 'grad_clip': {'max_nrm': 1}},
    'model.backbone.init_cfg': {'type': 'Pretrained', 'checkpont': 'x'},
    'model.head.init_cfg': {'type': 'Normal', 'layer': 'Linear', 'stdd': 1},
    'fp16.loss_scal': 'loss_scale',
}
MEANT = ('samples_per_gpu', 'max_norm', 'checkpoint', 'std', 'loss_scale')


@pytest.mark.parametrize(('key', 'meant'), zip(KEYS_OF_PLAIN_DICTS, MEANT))
def test_a_misspelt_key_of_a_dict_that_mmcv_passes_on(key, meant, monkeypatch):
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile(str(GLAS))
    cfg.merge_from_dict({key: KEYS_OF_PLAIN_DICTS[key]})
    (unknown,) = unknown_keys(cfg)
    assert f'Did you mean {meant!r}?' in unknown.message


TYPES = {
    'model.type': ('CITEClasifier', 'CITEClassifier'),
    'model.backbone.type': ('TIMImageBackbone', 'TIMMImageBackbone'),
    'model.head.text_encoder.type': ('RandomVector', 'RandomVectors'),
    'data.train.type': ('PatchGastricCls', 'PatchGastricCls3'),
    'data.val.pipeline.0.type': ('PatchGastricPipelin', 'PatchGastricPipeline'),
    'runner.type': ('IterBasedRuner', 'IterBasedRunner'),
    'optimizer.type': ('AdmW', 'AdamW'),
    'log_config.hooks.0.type': ('TextLogerHook', 'TextLoggerHook'),
    'lr_config.policy': ('CosineAnealing', 'CosineAnnealing'),
}


@pytest.mark.parametrize('key', TYPES)
def test_a_type_that_nothing_has_is_named_with_the_right_one(key, monkeypatch):
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile(str(GLAS))
    wrong, right = TYPES[key]
    cfg.merge_from_dict({key: wrong})
    (unknown,) = [fault for fault in unknown_keys(cfg) if wrong in fault.message]
    assert unknown.key.replace('[', '.').replace(']', '') == key
    assert unknown.message.endswith(f'Did you mean {right!r}?')


@pytest.mark.parametrize(
    ('part', 'node', 'message'),
    [
        (
            'custom_hooks',
            [{'typ': 'EMAHook'}],
            r"custom_hooks\[0\] has no 'type', only",
        ),
        ('custom_hooks', [{'type': 'EMAHok'}], "Did you mean 'EMAHook'"),
        ('runner', {'max_iters': 3}, "runner has no 'type', only max_iters"),
    ],
)
def test_a_part_without_a_type(part, node, message, monkeypatch):
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile(str(GLAS))
    cfg[part] = node
    (unknown,) = unknown_keys(cfg)
    assert unknown.certain
    assert re.search(message, unknown.message)


def test_a_data_set_inside_a_wrapper(monkeypatch):
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile(str(GLAS))
    inner = {**cfg.data.train, 'type': 'PatchGastricCls'}
    cfg.data.train = {'type': 'RepeatDataset', 'times': 2, 'dataset': inner}
    (unknown,) = unknown_keys(cfg)
    assert unknown.key == 'data.train.dataset.type'
