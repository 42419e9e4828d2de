"""Every config builds and takes a step; those of the paper say what the paper says."""

import copy
import json
import re
import shutil
from pathlib import Path

import mmcls.apis
import numpy as np
import pytest
import torch
from mmcls.datasets import build_dataloader, build_dataset
from mmcls.models import build_classifier
from mmcv import Config
from mmcv.parallel import MMDataParallel
from tiny_configs import shrink

import cite  # noqa: F401
from cite.models.image_stats import settle_images

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / 'configs').rglob('*.py')
    # configs/compare holds lists of configs.
    if not {'_base_', 'compare'} & {*path.relative_to(ROOT).parts}
)
BASELINE = 'configs/gastric/baseline/'
CITE = 'configs/gastric/cite/clip-vitb16_biolinkbert-l_cb_bs128_i1000.py'
RELEASED_PATHS = [
    *(
        f'{BASELINE}{method}_clip-vitb16_bs128_i1000.py'
        for method in ('zeroshot', 'linear', 'finetune', 'vpt')
    ),
    CITE,
]
TEXTS = [
    'Well differentiated tubular adenocarcinoma',
    'Moderately differentiated tubular adenocarcinoma',
    'Poorly differentiated adenocarcinoma',
]


def _kinds():
    """Return the configs, those marked long whose kind another one shows.

    Of a family's leaves of one backbone, prompt and text encoder the first is enough
    for every day.
    """
    seen, configs = set(), []
    for path in CONFIGS:
        kind = path
        if 'foundation' in path:
            model = Config.fromfile(str(ROOT / path)).model
            backbone, encoder = model.backbone, model.head.text_encoder.type
            pos = backbone.get('prompt_pos')
            kind = (Path(path).parent, backbone.type, pos, encoder)
        marks = [pytest.mark.long] if kind in seen else []
        configs.append(pytest.param(path, marks=marks))
        seen.add(kind)
    return configs


KINDS = _kinds()

# What is trained, as the paper and VPT's have it.
NECK, FC, PROMPT = {'neck.weight', 'neck.bias'}, {'head.fc.weight', 'head.fc.bias'}, 'p'
TRAINED = {
    'configs/gastric/baseline/linear': FC,
    'configs/gastric/baseline/vpt': FC | {'backbone.prompt'},
    'configs/gastric/cite/': NECK | {'backbone.prompt'},
    'configs/foundation/': NECK | {'backbone.prompt'},
    'configs/gastric/ablation/cite_no-prompt': NECK,
    'configs/gastric/ablation/cite_no-text': NECK | {'backbone.prompt'},
    'configs/demo/cite_tiny': NECK | {'backbone.prompt'},
    'configs/demo/methods/cite_no-prompt': NECK,
    'configs/demo/methods/cite_no-text': NECK | {'backbone.prompt'},
    'configs/demo/methods/linear': FC,
    'configs/demo/methods/vpt': FC | {'backbone.prompt'},
    'configs/glas/cite_vit': NECK | {'backbone.prompt'},
    'configs/glas/cite-deep': NECK | {'backbone.prompt'},
    'configs/glas/cite-pad': NECK | {'backbone.prompt'},
    'configs/glas/neck': NECK,
    'configs/glas/vpt': FC | {'backbone.prompt'},
    'configs/glas/cite_hiera': NECK,
    'configs/glas/linear': FC,
}


def test_the_demo_has_one_config_at_its_top_level():
    assert len(list((ROOT / 'configs/demo').glob('*.py'))) == 1


@pytest.fixture(autouse=True)
def _at_home(monkeypatch, text_cache):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv('SHOTS', raising=False)
    monkeypatch.delenv('DEMO_DATA', raising=False)


def read(path):
    return Config.fromfile(path)


def small(path, folder):
    return shrink(read(path), folder)


@pytest.fixture(scope='module', params=KINDS)
def kind(request, tmp_path_factory):
    """Return a config of each kind by its path, and with small models and data.

    The tests of one config share its files, which go with it.
    """
    folder = tmp_path_factory.mktemp('small')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.delenv('SHOTS', raising=False)
        patch.delenv('DEMO_DATA', raising=False)
        yield request.param, small(request.param, folder)
    shutil.rmtree(folder)


def train(cfg, model):
    """Take the config's one iteration and evaluate, as mmcls' train.py does."""
    cfg.gpu_ids, cfg.seed, cfg.device = [0], 0, 'cpu'
    torch.manual_seed(0)
    model.init_weights()
    data = [build_dataset(cfg.data.train)]
    mmcls.apis.train_model(
        model, data, cfg, validate=True, device='cpu', timestamp='t', meta={}
    )
    lines = (Path(cfg.work_dir) / 't.log.json').read_text().splitlines()[1:]
    in_training, in_evaluation = map(json.loads, lines)
    assert in_training['mode'] == 'train'
    return {'loss': in_training['loss'], **_metrics(in_evaluation)}


def _metrics(values):
    return {name: value for name, value in values.items() if 'accuracy' in name}


def evaluate(cfg, model):
    """Score the test set and evaluate, as mmcls' test.py does."""
    data = build_dataset(cfg.data.test, {'test_mode': True})
    loader = build_dataloader(data, 3, 0, shuffle=False, persistent_workers=False)
    scores = mmcls.apis.single_gpu_test(MMDataParallel(model, device_ids=[-1]), loader)
    return scores, data.evaluate(scores, metric=['accuracy', 'mean_bag_accuracy'])


def build(cfg):
    torch.manual_seed(0)
    return build_classifier(copy.deepcopy(cfg.model))


def step(cfg):
    """Build and take a step: training, or evaluation where nothing is trained."""
    model = build(cfg)
    before = copy.deepcopy(model.state_dict())
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    values = train(cfg, model) if trained else evaluate(cfg, model)[1]
    assert all(np.isfinite(value) for value in values.values())
    return model, before, trained, values


def test_every_config_builds_and_takes_a_step(kind):
    path, cfg = kind[0], copy.deepcopy(kind[1])
    model, before, trained, values = step(cfg)
    for name, parameter in model.named_parameters():
        if name in trained:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            # The other half of a low-rank pair is zero until the first step.
            assert parameter.grad.any() or '.lora_A.' in name, name
        elif name in before:
            assert torch.equal(parameter, before[name]), name
    if '/lora_' in path:
        assert {n for n in trained if '.lora_' not in n} == NECK
        assert len(trained) > 2
    for start, expected in TRAINED.items():
        if path.startswith(start):
            assert trained == expected
    if trained:
        assert values['loss'] > 0
        changed = [
            n for n in trained if not torch.equal(model.get_parameter(n), before[n])
        ]
        assert changed
    if path.startswith(f'{BASELINE}finetune'):
        assert {n for n, _ in model.named_parameters()} == trained
    if path.startswith(f'{BASELINE}zeroshot'):
        assert not trained
    assert any('accuracy' in name for name in values)


GRAPHLESS = ('cite_hiera', 'linear', 'neck_')


@pytest.mark.parametrize('path', [p for p in CONFIGS if any(g in p for g in GRAPHLESS)])
def test_a_frozen_backbone_without_prompts_builds_no_graph(path, tmp_path):
    backbone = build(small(path, tmp_path)).train().backbone
    assert not backbone(torch.zeros(1, 3, 224, 224)).requires_grad


def test_evaluation_does_not_augment(kind):
    cfg = kind[1]
    for part in (cfg.data.val, cfg.data.test):
        data = build_dataset(part, {'test_mode': True})
        settle_images(data, cfg.model)
        first, again = data[0]['img'], data[0]['img']
        assert torch.equal(torch.as_tensor(first), torch.as_tensor(again))


@pytest.mark.parametrize('path', RELEASED_PATHS)
def test_recipe(path):
    cfg = read(path)
    assert dict(cfg.runner) == {'type': 'IterBasedRunner', 'max_iters': 1000}
    rates = {'linear': 1e-2, 'vpt': 1e-2, 'finetune': 1e-5, 'clip-': 0.03}
    for method, rate in rates.items():
        if Path(path).name.startswith(method):
            assert dict(cfg.optimizer) == {'type': 'SGD', 'lr': rate}
            assert cfg.lr == rate
    assert dict(cfg.lr_config) == {
        'policy': 'CosineAnnealing',
        'min_lr': 0,
        'by_epoch': False,
        'warmup': 'constant',
        'warmup_by_epoch': False,
        'warmup_iters': 20,
        'warmup_ratio': 0.005,
    }
    assert cfg.data.samples_per_gpu == 128
    assert cfg.log_config.interval == 10
    # The release saves at the end alone; a run that is stopped has something to go on.
    assert dict(cfg.checkpoint_config) == {'interval': 200, 'max_keep_ckpts': 1}
    assert cfg.runner.max_iters % cfg.checkpoint_config.interval == 0
    assert dict(cfg.evaluation) == {
        'by_epoch': False,
        'interval': 1000,
        'metric': ['accuracy', 'class_accuracy', 'bag_accuracy', 'bag_class_accuracy'],
    }


@pytest.mark.parametrize('path', RELEASED_PATHS)
def test_data(path):
    cfg = read(path)
    folder = 'data/gastric_cls3_ann/'
    assert cfg.data.train.ann_file == f'{folder}train_all_0.2.txt'
    assert cfg.data.val.ann_file == cfg.data.test.ann_file == f'{folder}val_0.8.txt'
    assert cfg.data.train.data_prefix == 'data/patches_captions/'
    assert cfg.data.train.get('patch_balance', False) is (path == CITE)
    assert 'slide_balance' not in cfg.data.train


def test_models_of_the_paper():
    parts = {path: read(path).model for path in RELEASED_PATHS}
    zeroshot, linear, finetune, vpt, prompted = parts.values()
    assert {m.backbone.arch for m in parts.values()} == {'ViT-B/16'}
    assert finetune.backbone.fix is False
    assert linear.backbone.type == 'CLIPImageBackbone'
    for model, init in ((vpt, 'normal'), (prompted, 'token')):
        assert model.backbone.type == 'PromptedCLIPImageBackbone'
        assert model.backbone.prompt_length == 1
        assert model.backbone.prompt_pos == 'prepend'
        assert model.backbone.prompt_init == init
        assert 'prompt_layers' not in model.backbone  # shallow
    assert (prompted.neck.in_features, prompted.neck.out_features) == (512, 1024)
    assert prompted.neck.init == 'normal_identity'
    assert prompted.head.texts == zeroshot.head.texts == TEXTS
    assert prompted.head.temperature == 4.6052
    assert prompted.head.text_encoder.model == 'michiyasunaga/BioLinkBERT-large'
    assert read(RELEASED_PATHS[0]).template == '{}'


@pytest.mark.parametrize('shots', ['4', None])
@pytest.mark.parametrize('path', RELEASED_PATHS[1:])
def test_shots_reach_file_name_and_folder(path, shots, monkeypatch):
    if shots:
        monkeypatch.setenv('SHOTS', shots)
    cfg, n = read(path), shots or 'all'
    assert cfg.n == n
    assert cfg.data.train.ann_file == f'data/gastric_cls3_ann/train_{n}_0.2.txt'
    assert cfg.data.test.ann_file == 'data/gastric_cls3_ann/val_0.8.txt'
    assert re.search(rf'_p{n}[-_]', cfg.run_name)
    kind = 'cite' if path == CITE else 'baseline'
    assert cfg.work_dir == f'work_dirs/gastric_{kind}/{cfg.run_name}'


THAT_TRAIN = [path for path in CONFIGS if 'zeroshot' not in path]


@pytest.mark.parametrize('path', THAT_TRAIN)
def test_runs_of_other_data_write_into_other_folders(path, monkeypatch):
    variables = ['SHOTS', *(['SPLIT'] if path.startswith('configs/glas') else [])]
    for name in variables:
        runs = []
        for value in ('1', '4', None):
            if value is None:
                monkeypatch.delenv(name)
            else:
                monkeypatch.setenv(name, value)
            cfg = read(path)
            runs.append((cfg.work_dir, cfg.data.train.ann_file))
        assert len({folder for folder, _ in runs}) == 3
        assert len({file for _, file in runs}) == 3
        assert ('_1_' in runs[0][1]) == (name == 'SHOTS')


def test_run_names_tell_settings_apart():
    assert read(CITE).run_name == (
        'clip-vitb16_biolinkbert-l_vpl1_pall-cb_bs128_i1000_lr0.03'
    )
    folders = [read(path).work_dir for path in CONFIGS]
    assert len(set(folders)) == len(CONFIGS)
    assert read(RELEASED_PATHS[3]).vpl == read(CITE).vpl == 1


def in_the_released_words(path, folder):
    """Copy a config with mmcls' classifier and the released data pipeline."""
    text = (ROOT / path).read_text().replace('CITEClassifier', 'ImageClassifier')
    text = text.replace('gastric_dataset.py', 'gastric_dataset_released.py')
    text = text.replace("'../_base_/", f"'{ROOT}/configs/gastric/_base_/")
    (folder / 'released.py').write_text(text)
    return str(folder / 'released.py')


@pytest.mark.parametrize('path', RELEASED_PATHS)
def test_released_words_run(path, tmp_path):
    cfg = small(in_the_released_words(path, tmp_path), tmp_path)
    assert cfg.model.type == 'ImageClassifier'
    *_, trained, values = step(cfg)
    assert ('loss' in values) == bool(trained)


def test_released_data_pipeline(tmp_path):
    """Nearly grey, ImageNet's statistics, and augmented in evaluation too."""
    cfg = small(in_the_released_words(CITE, tmp_path), tmp_path)
    spread = {}
    for name, part in (('train', cfg.data.train), ('test', cfg.data.test)):
        data = build_dataset(part, {'test_mode': name == 'test'})
        images = torch.stack([torch.as_tensor(data[0]['img']) for _ in range(8)])
        assert images.shape == (8, 3, 224, 224)
        assert any(not torch.equal(images[0], other) for other in images[1:])
        std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        pixels = images * std + mean
        assert pixels.min() > -1e-5
        assert pixels.max() < 1 + 1e-5
        spread[name] = (pixels.amax(1) - pixels.amin(1)).mean()
    ours = small(CITE, tmp_path)
    settled = build_dataset(ours.data.test, {'test_mode': True})
    settle_images(settled, ours.model)
    image = torch.as_tensor(settled[0]['img'])
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    colour = (image * std).amax(0) - (image * std).amin(0)
    assert max(spread.values()) < 0.3 * colour.mean()  # a factor of at most 0.2
