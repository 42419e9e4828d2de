"""The command itself: its arguments, its words, its exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cite.commands import ann

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / 'data'
    (folder / 'patches_captions').mkdir(parents=True)
    rows = ['id,subtype,patient,text']
    for i in range(12):
        rows.append(f's{i:02},{"XY"[i % 2]},p{i // 4},t')
        for patch in range(3):
            (folder / 'patches_captions' / f's{i:02}_{patch}.jpg').touch()
    (folder / 'captions.csv').write_text('\n'.join(rows))
    (folder / 'classes.yml').write_text('grade x: X\ngrade y: Y\n')
    return folder


def test_arguments_reach_files_and_words(data, tmp_path, capsys):
    arguments = f'--data-path {data} --out {tmp_path / "out"} --val 0.66 --seed 2'
    arguments += f' --shots 1 3 --classes {data / "classes.yml"} --group-by patient'
    ann.main(ann.parse_args(arguments.split()))
    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert names == [
        'train_1_0.34.txt',
        'train_3_0.34.txt',
        'train_all_0.34.txt',
        'val_0.66.txt',
    ]
    words = capsys.readouterr().out
    # Three patients of four slides, two of each class: two for evaluation.
    table = ' '.join(words.split())
    assert 'class 0: grade x class 1: grade y' in table
    assert 'val_0.66.txt 4 / 12 4 / 12 8 / 24' in table
    assert 'train_all_0.34.txt 2 / 6 2 / 6 4 / 12' in table
    assert 'no patient is on both sides: 2 for evaluation, 1 for training' in words
    assert 'class 0: 4 of 6 slides for evaluation, 0.667 (requested: 0.66)' in words
    assert '--shots 3: class 1 (grade y) has only 2 training slides' in words


def test_defaults_are_the_released_ones():
    options = vars(ann.parse_args([]))
    assert options == {
        'data_path': 'data/',
        'out': None,
        'val': 0.8,
        'seed': 0,
        'shots': [1, 2, 4, 8, 16],
        'classes': None,
        'group_by': None,
        'features': None,
        'to_clam': None,
        'from_clam': None,
        'allow_missing': False,
        'draws': 0,
        'slide': 'prefix',
    }


def test_a_mistake_is_one_sentence_from_any_folder_without_installation(data):
    command = [sys.executable, str(ROOT / 'tools' / 'ann.py'), '--data-path', str(data)]
    environment = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    run = subprocess.run(
        command, cwd=data, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stdout == ''
    assert 'Traceback' not in run.stderr
    last = run.stderr.splitlines()[-1]
    assert last.startswith(f'error: {data}/captions.csv: no slide is of class')
    assert not (data / 'gastric_cls3_ann').exists()
