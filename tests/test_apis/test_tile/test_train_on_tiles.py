"""From slide files to a trained model, with the commands of docs/SLIDES.md."""

import re
import sys

import numpy as np
from commands import run
from slide_files import draw, write_pyramid
from tiny_training import SIZE, TEXTS, config

from demo.models import tiny_bert, tiny_clip
from demo.slides.patch_gastric import SUBTYPES

COLOURS = {'well': (185, 105, 160), 'moderately': (110, 80, 150), 'solid': (90, 60, 90)}


def test_tile_ann_check_train_and_test(tmp_path):
    slides, data, work = (tmp_path / name for name in ('slides', 'data', 'work'))
    slides.mkdir()
    rng, rows = np.random.default_rng(0), ['id,subtype,text']
    for grade, colour in COLOURS.items():
        for i in range(4):
            stain = np.array(colour) + rng.integers(-8, 9, 3)
            image = draw(420, 320, ((20, 20, 380, 280),), stain.astype(np.uint8))
            write_pyramid(slides / f'{grade}_{i}.tif', image, steps=(1, 2))
            rows.append(f'{grade}-{i},"{SUBTYPES[grade]}",')

    cite = sys.executable, '-m', 'cite'
    printed = run(*cite, 'tile', slides, '--out', data, '--patch-pixels', 100)
    assert '144 tiles of 12 slides' in printed  # four by three of each
    (data / 'captions.csv').write_text('\n'.join(rows) + '\n')
    run(*cite, 'ann', '--data-path', data, '--val', 0.5)

    clip, bert = data / 'models/clip.pt', data / 'models/bert'
    tiny_clip(clip, embed_dim=16, width=64, layers=2, image_size=SIZE)
    tiny_bert(bert, hidden=24, texts=TEXTS)
    cfg = config(data, work, iters=20, neck='ProjectionNeck')
    cfg.custom_imports = {'imports': ['cite']}
    cfg.checkpoint_config.interval = cfg.evaluation.interval = 20
    cfg.dump(str(tmp_path / 'config.py'))
    run(*cite, 'check', tmp_path / 'config.py')

    log = run(*cite, 'train', tmp_path / 'config.py', '--seed', 0, OMP_NUM_THREADS='1')
    assert re.search(r'Iter \[20/20\].* loss: \d', log)
    checkpoint = work / 'latest.pth'
    assert checkpoint.is_file()
    metrics = run(
        *(*cite, 'test', tmp_path / 'config.py', checkpoint),
        *('--metrics', 'bag_accuracy'),
        OMP_NUM_THREADS='1',
    )
    accuracy = float(re.search(r'\nbag_accuracy : (\d+\.\d+)', metrics)[1])
    right = accuracy * 6 / 100  # six slides in evaluation
    assert abs(right - round(right)) < 0.01
