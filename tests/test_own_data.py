"""The README's section on own data, command by command, on slides that are drawn."""

import csv
import re
import shutil

import pytest
import timm
from commands import ROOT, run
from mmcv import Config
from safetensors.torch import save_file

from demo.models import tiny_bert
from demo.slides import make_patch_gastric

CLASSES = """
Glands:
  - Well differentiated tubular adenocarcinoma
  - Moderately differentiated tubular adenocarcinoma
No glands:
  - Poorly differentiated adenocarcinoma, non-solid type
  - Poorly differentiated adenocarcinoma, solid type
"""
CONFIG = 'configs/mine/cite_vit-tiny_minilm.py'


def commands():
    """Return the README's commands: copying the configs, then the work."""
    section = (ROOT / 'README.md').read_text().split('## Your own data')[1]
    section = section.split('\n## ')[0]
    blocks = re.findall(r'```bash\n(.*?)```', section, re.DOTALL)
    copy, work = [[line.strip() for line in b.strip().split('\n')] for b in blocks]
    assert len(copy) == 2
    assert [line.split()[:2] for line in work] == [
        ['cite', 'ann'],
        ['cite', 'train'],
        ['cite', 'test'],
    ]
    return copy, work


def bash(command, folder):
    # The console script is there only where the package is installed.
    cite = 'cite() { python -m cite "$@"; }'
    return run('bash', '-c', f'unset SPLIT; {cite}; {command}', cwd=folder)


@pytest.fixture(scope='module')
def mine(tmp_path_factory):
    """A user's folder: patches of two classes, a table, copied configs."""
    folder = tmp_path_factory.mktemp('own')
    make_patch_gastric(folder / 'data' / 'mine', slides=4, patches=2)
    table = folder / 'data' / 'mine' / 'captions.csv'
    rows = list(csv.DictReader(table.open()))
    with table.open('w', newline='') as file:
        writer = csv.DictWriter(file, [*rows[0], 'patient'])
        writer.writeheader()
        writer.writerows({**row, 'patient': i} for i, row in enumerate(rows))
    shutil.copytree(ROOT / 'configs' / 'glas', folder / 'configs' / 'glas')
    gastric = 'configs/gastric/_base_'
    shutil.copytree(ROOT / gastric, folder / gastric)
    for command in commands()[0]:
        bash(command, folder)
    (folder / 'configs/mine/classes.yml').write_text(CLASSES)
    texts = folder / 'configs/mine/_base_/text_head.py'
    found = re.sub(
        r'TEXTS = \[.*?\]',
        "TEXTS = ['Adenocarcinoma with glands', 'Adenocarcinoma without glands']",
        texts.read_text(),
        flags=re.DOTALL,
    )
    texts.write_text(found)
    return folder


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    """Options that put small models and a short run in place of the real ones."""
    folder = tmp_path_factory.mktemp('models')
    tiny_bert(folder / 'bert', hidden=384, layers=1)
    vit = timm.create_model('vit_tiny_patch16_224', num_classes=0, depth=1)
    save_file(vit.state_dict(), str(folder / 'vit.safetensors'))
    model = (
        f'model.backbone.checkpoint={folder}/vit.safetensors model.backbone.depth=1 '
        f'model.head.text_encoder.model={folder}/bert'
    )
    train = 'runner.max_iters=2 checkpoint_config.interval=2 evaluation.interval=2'
    train += ' log_config.interval=1'
    load = 'data.samples_per_gpu=4 data.workers_per_gpu=0'
    return {
        'train': f' --cfg-options {model} {train} {load}',
        'test': f' --cfg-options {model} data.samples_per_gpu=4',
    }


def train_and_test(folder, small):
    _, train, test = commands()[1]
    log = bash(train + small['train'], folder)
    assert re.search(r'Iter \[2/2\].* loss: \d', log)
    printed = bash(test + small['test'], folder)
    return float(re.search(r'\nbag_accuracy : (\d+\.\d+)', printed)[1])


def test_classes_file_and_texts_are_enough(mine, small):
    printed = bash(commands()[1][0], mine)
    assert 'no patient is on both sides' in printed
    accuracy = train_and_test(mine, small)
    slides = {
        line.split('_')[0]
        for line in (mine / 'data/mine/ann_seed0/val_0.5.txt').read_text().split('\n')
        if line
    }
    assert len(slides) == 6
    right = accuracy * len(slides) / 100
    assert right == pytest.approx(round(right), abs=0.01)


def test_a_hand_written_file_is_enough(mine, small):
    data = mine / 'data' / 'mine'
    subtypes = {
        row['id']: row['subtype']
        for row in csv.DictReader((data / 'captions.csv').open())
    }
    shutil.rmtree(data / 'ann_seed0', ignore_errors=True)
    (data / 'captions.csv').rename(mine / 'away.csv')
    lines = [
        f'{path.name} {int(subtypes[path.name.split("_")[0]].startswith("Poor"))}\n'
        for path in sorted((data / 'patches_captions').iterdir())
    ]
    (data / 'ann_seed0').mkdir()
    (data / 'ann_seed0' / 'train_all_0.5.txt').write_text(''.join(lines[::2]))
    (data / 'ann_seed0' / 'val_0.5.txt').write_text(''.join(lines[1::2]))
    try:
        accuracy = train_and_test(mine, small)
    finally:
        (mine / 'away.csv').rename(data / 'captions.csv')
    right = accuracy * len(subtypes) / 100
    assert right == pytest.approx(round(right), abs=0.01)


def test_the_copy_names_nothing_of_the_original(mine, monkeypatch):
    monkeypatch.chdir(mine)
    for path in sorted((mine / 'configs' / 'mine').glob('*.py')):
        assert 'glas' not in str(Config.fromfile(str(path))._cfg_dict)
