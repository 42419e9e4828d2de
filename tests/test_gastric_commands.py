"""The README's commands on the real configs of configs/gastric, in a user's folder.

Only the models are small: they are named with ``--cfg-options`` as the README says.
"""

import json
import sys

import clip
import numpy as np
import pytest
import torch
from clip.model import CLIP
from commands import ROOT, run, tool
from mmcls.datasets import build_dataset
from mmcv import Config
from PIL import Image

from cite.models.classifiers.normalize import to_float
from cite.models.image_stats import settle_images
from demo.models import tiny_bert

GASTRIC = ROOT / 'configs' / 'gastric'
CITE = GASTRIC / 'cite' / 'clip-vitb16_biolinkbert-l_cb_bs128_i1000.py'
ZERO_SHOT = GASTRIC / 'baseline' / 'zeroshot_clip-vitb16_bs128_i1000.py'
SUBTYPES = [
    'Well differentiated tubular adenocarcinoma',
    'Moderately differentiated tubular adenocarcinoma',
    'Poorly differentiated adenocarcinoma, solid type',
]
# Width 512 of the embeddings is what the real configs expect.
SMALL_CLIP = (512, 224, 1, 64, 112, 77, 49408, 64, 1, 1)


@pytest.fixture(scope='module')
def home(tmp_path_factory):
    """A folder with data/ laid out as PatchGastric, its split, and model files."""
    folder = tmp_path_factory.mktemp('home')
    patches = folder / 'data' / 'patches_captions'
    patches.mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = ['id,subtype,text']
    for label, subtype in enumerate(SUBTYPES):
        for slide in range(25):
            rows.append(f'c{label}s{slide:02},"{subtype}",')
            pixels = rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(patches / f'c{label}s{slide:02}_0.jpg')
    (folder / 'data' / 'captions.csv').write_text('\n'.join(rows) + '\n')
    torch.manual_seed(0)
    torch.save(CLIP(*SMALL_CLIP).state_dict(), folder / 'ViT-B-16.pt')
    tiny_bert(folder / 'BioLinkBERT-large', hidden=1024, layers=1)
    run(sys.executable, ROOT / 'tools/ann.py', cwd=folder)
    return folder


def test_shots_is_one_switch(home):
    files = home / 'data' / 'gastric_cls3_ann'
    (files / 'train_all_0.2.txt').rename(home / 'away')
    try:  # without any other training file that it could have read
        log = tool(
            *('train', CITE, '--seed', '0', '--no-validate', '--cfg-options'),
            'model.backbone.arch=ViT-B-16.pt',
            'model.head.text_encoder.model=BioLinkBERT-large',
            *('runner.max_iters=2', 'checkpoint_config.interval=2'),
            *('data.samples_per_gpu=4', 'data.workers_per_gpu=0'),
            cwd=home,
            SHOTS='4',
        )
    finally:
        (home / 'away').rename(files / 'train_all_0.2.txt')
    assert 'train_4_0.2.txt' in log
    name = 'clip-vitb16_biolinkbert-l_vpl1_p4-cb_bs128_i1000_lr0.03'
    folder = home / 'work_dirs' / 'gastric_cite' / name
    assert [path.name for path in folder.parent.iterdir()] == [name]
    assert (folder / 'latest.pth').is_file()
    assert len((files / 'train_4_0.2.txt').read_text().split('\n')) == 3 * 4 + 1


def test_zero_shot_scores_are_those_of_clip(home, monkeypatch):
    out = home / 'zeroshot.json'
    printed = tool(
        *('test', ZERO_SHOT, '--checkpoint', 'none', '--out', out),
        *('--metrics', 'bag_accuracy', 'mean_bag_accuracy', '--cfg-options'),
        *('model.backbone.arch=ViT-B-16.pt', 'model.head.arch=ViT-B-16.pt'),
        'model.precision=fp32',
        cwd=home,
    )
    assert 'missing keys' not in printed
    results = json.loads(out.read_text())

    reference = CLIP(*SMALL_CLIP).eval()
    reference.load_state_dict(torch.load(str(home / 'ViT-B-16.pt')))
    monkeypatch.chdir(home)
    cfg = Config.fromfile(str(ZERO_SHOT))
    data = build_dataset(cfg.data.test, {'test_mode': True})
    settle_images(data, cfg.model)
    images = torch.cat(
        [to_float(item['img'][None], [item['img_metas'].data]) for item in data]
    )
    with torch.no_grad():
        logits, _ = reference(images, clip.tokenize(list(cfg.TEXTS)))
    expected = logits.softmax(1).numpy()
    np.testing.assert_allclose(results['class_scores'], expected, atol=1e-3)
    right = expected.argmax(1) == data.get_gt_labels()  # one patch a slide
    assert results['bag_accuracy'] == pytest.approx(100 * right.mean(), abs=1e-3)
