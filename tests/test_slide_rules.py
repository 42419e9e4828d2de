"""Slides of other names than PatchGastric's, from the split to the trained model."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
from mmcls.apis import set_random_seed
from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from mmcv import Config
from mmcv.parallel import MMDataParallel
from mmcv.utils import get_logger
from PIL import Image

from cite.apis.check import Options, check_config
from cite.apis.slide_rules import check_slide_rules
from cite.apis.split.split import make_split
from cite.apis.test import single_gpu_test
from cite.apis.train import train_model
from cite.datasets.builder import build_dataloader
from cite.inference.model_folder.training import describe_training
from demo.models import tiny_clip

# Id of a slide by class and number, path of a patch by id and column, the rule.
LAYOUTS = {
    'CAMELYON16': (
        lambda c, s: f'{("normal", "tumor")[c]}_{s + 1:03d}',
        lambda slide, x: f'{slide}_{x}_0.png',
        r'(.+)_\d+_\d+\.',
    ),
    'CAMELYON17': (
        lambda c, s: f'patient_{10 * c + s:03d}_node_{s}',
        lambda slide, x: f'{slide}_{x}_512.png',
        r'(patient_\d+_node_\d+)_',
    ),
    'TCGA': (
        lambda c, s: f'TCGA-A{c}-{3000 + s}-01Z-00-DX1',
        lambda slide, x: f'{slide}_{x}_0.png',
        'prefix',
    ),
    'folders': (
        lambda c, s: f'tumor_{4 * c + s}',
        lambda slide, x: f'{slide}/{x}_0.png',
        'folder',
    ),
    'nested folders': (
        lambda c, s: f'{"ab"[c]}/s_{s}',
        lambda slide, x: f'{slide}/{x}.png',
        'folder',
    ),
    'table': (
        lambda c, s: f'case {c} {s}',
        lambda slide, x: f'{hashlib.md5(f"{slide}{x}".encode()).hexdigest()}.png',
        'column:slide of data/patches.csv',
    ),
}
CONFIG = """
custom_imports = dict(imports=['cite'], allow_failed_imports=False)
step = dict(type='PatchGastricPipeline', size=32, mean='model', std='model')
train = [step, dict(type='ToTensor', keys=['gt_label']),
         dict(type='Collect', keys=['img', 'gt_label'])]
test = [dict(test_mode=True, **step), dict(type='Collect', keys=['img'])]
common = dict(type='PatchGastricCls3', data_prefix='data/patches_captions',
              classes=['a', 'b'], slide={slide!r})
val = dict(ann_file='ann/val_0.5.txt', pipeline=test, **common)
data = dict(samples_per_gpu=4, workers_per_gpu=0, val=val, test=val, train=dict(
    ann_file='ann/train_all_0.5.txt', pipeline=train, slide_balance=True, **common))
model = dict(type='CITEClassifier', precision='fp32',
             backbone=dict(type='CLIPImageBackbone', arch='clip.pt'),
             head=dict(type='MyLinearClsHead', num_classes=2, in_channels=16))
optimizer = dict(type='SGD', lr=0.02)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy='fixed')
checkpoint_config = dict(interval=2)
evaluation = dict(interval=2, metric=['bag_accuracy'])
log_config = dict(interval=1, hooks=[])
runner = dict(type='IterBasedRunner', max_iters=2)
workflow = [('train', 1)]
work_dir = 'run'
gpu_ids, device, seed = [0], 'cpu', 0
"""


@pytest.fixture(params=LAYOUTS)
def layout(request, tmp_path, monkeypatch):
    """Write 8 slides of 2 patches; return the rule and each patch's slide."""
    monkeypatch.chdir(tmp_path)
    name, path, rule = LAYOUTS[request.param]
    rng = np.random.default_rng(0)
    slides, rows, table = {}, ['id,subtype,text'], ['file,slide']
    for c in range(2):
        for s in range(4):
            slide = name(c, s)
            rows.append(f'{slide},{"ab"[c]},')
            for x in (0, 512):
                file = tmp_path / 'data/patches_captions' / path(slide, x)
                file.parent.mkdir(parents=True, exist_ok=True)
                pixels = rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(file)
                slides[path(slide, x)] = slide
                table.append(f'{path(slide, x)},{slide}')
    (tmp_path / 'data/captions.csv').write_text('\n'.join(rows) + '\n')
    (tmp_path / 'data/patches.csv').write_text('\n'.join(table) + '\n')
    (tmp_path / 'config.py').write_text(CONFIG.format(slide=rule))
    tiny_clip('clip.pt', embed_dim=16, width=64, layers=1, image_size=32)
    return SimpleNamespace(rule=rule, slides=slides)


def test_from_the_split_to_the_model(layout):
    classes = {'a': ['a'], 'b': ['b']}
    settings = dict(val=0.5, shots=[1], classes=classes, slide=layout.rule)
    split = make_split('data', 'ann', **settings)
    sides = [
        {layout.slides[line.filename] for line in lines}
        for path, lines in split.files.items()
        if path.name in ('val_0.5.txt', 'train_all_0.5.txt')
    ]
    assert [len(side) for side in sides] == [4, 4]
    assert not sides[0] & sides[1]
    assert any('config: write slide=' in n for n in split.notes) == (
        layout.rule != 'prefix'
    )
    assert not [note for note in split.notes if note.startswith('warning')]

    report = check_config('config.py', Options(workers=0))
    assert report.problems == []
    assert report.facts['train']['class 1 (b)'] == '2 slides 4 patches'

    cfg = Config.fromfile('config.py')
    set_random_seed(0)
    model = build_classifier(cfg.model)
    train_model(model, build_dataset(cfg.data.train), cfg, validate=True)
    test_set = build_dataset(cfg.data.test, {'test_mode': True})
    loader = build_dataloader(test_set, 4, 0, dist=False, shuffle=False)
    scores = np.stack(single_gpu_test(MMDataParallel(model, [-1]), loader))
    names = [layout.slides[name] for name in test_set.filenames()]
    labels = dict(zip(names, test_set.get_gt_labels()))
    hits = [
        scores[np.array(names) == slide].mean(0).argmax() == label
        for slide, label in labels.items()
    ]
    assert len(labels) == 4
    values = test_set.evaluate(list(scores), ['bag_accuracy'])
    assert values['bag_accuracy'] == pytest.approx(100 * np.mean(hits))

    training = describe_training(cfg)
    digests = {hashlib.sha256(slide.encode()).hexdigest() for slide in sides[1]}
    assert (training['patches'], {*training['slides']}) == (8, digests)


@pytest.mark.parametrize('layout', ['CAMELYON16'], indirect=True)
def test_two_rules_for_one_folder_are_refused(layout):
    make_split(
        'data',
        'ann',
        0.5,
        shots=[],
        classes={'a': ['a'], 'b': ['b']},
        slide=layout.rule,
    )
    report = check_config(
        'config.py', Options(decode=False, cfg_options={'data.val.slide': 'prefix'})
    )
    errors = [p.message for p in report.problems if p.level == 'error']
    assert any("data.val has slide='prefix'" in message for message in errors)
    cfg = Config.fromfile('config.py')
    cfg.data.val.slide = 'prefix'
    get_logger('mmcls')
    with pytest.raises(ValueError, match=r"data\.val has slide='prefix'"):
        train_model(build_classifier(cfg.model), [], cfg, validate=True)


@pytest.mark.parametrize(
    ('train', 'val', 'fault'),
    [
        (('p', 'prefix'), ('p/', 'folder'), 'for the same patches'),
        (('p', 'folder'), ('p/sub', 'folder'), 'two ids'),
        (('p', 'folder'), ('q', 'folder'), None),
        (('p', 'folder'), ('pq', 'folder'), None),
        (('p', 'prefix'), ('p/sub', 'prefix'), None),
        (('p', 'prefix'), ('q', 'folder'), None),  # another hospital's names
    ],
)
def test_rules_of_two_data_sets(train, val, fault):
    parts = [{'type': 'X', 'data_prefix': p, 'slide': rule} for p, rule in (train, val)]
    wrapped = {'type': 'RepeatDataset', 'times': 2, 'dataset': [parts[0]]}
    data = {'train': wrapped, 'val': parts[1]}
    if fault is None:
        check_slide_rules(data)
    else:
        with pytest.raises(ValueError, match=fault):
            check_slide_rules(data)
