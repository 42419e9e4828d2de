"""``tools/demo.py``, run as a user runs it, on few slides and for a few steps."""

import json
import re
import sys
from pathlib import Path

import forked
import pandas as pd
import pytest
from commands import ROOT, attempt
from PIL import Image
from sklearn.metrics import balanced_accuracy_score


def demo(*arguments):
    python = str(forked.python())  # its own commands are forks too
    command = sys.executable, ROOT / 'tools' / 'demo.py', *arguments
    with pytest.MonkeyPatch.context() as patch:  # what a shell may have set
        for name in ('DEMO_DATA', 'SHOTS'):
            patch.delenv(name, raising=False)
        return attempt(*command, apart=True, PYTHON_EXEC=python)


@pytest.fixture(scope='module')
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demo')
    run = demo(
        *('--data', folder / 'data', '--work-dir', folder / 'work'),
        *('--slides', 4, '--patches', 1, '--iterations', 2),
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return folder, run.stdout


def slides(path):
    return {
        line.split('_')[0]: int(line.split()[1])
        for line in path.read_text().splitlines()
    }


def test_the_commands_are_printed(done):
    commands = re.findall(r'^\$ (?:DEMO_DATA=\S+ )?(.*)$', done[1], re.MULTILINE)
    config = 'configs/demo/cite_tiny-clip_tiny-bert.py'
    assert commands[0].startswith('cite ann --data-path ')
    assert commands[1].startswith(f'cite train {config} --seed 0')
    assert commands[2].startswith(f'cite test {config} ')
    assert '--metrics accuracy bag_accuracy mean_bag_accuracy' in commands[2]
    assert commands[3].startswith(f'cite export {config} ')
    assert re.match(r'cite predict \S+/two-grades.tif --min-tissue 0.8 ', commands[4])
    assert len(commands) == 5


def test_the_printed_accuracy_is_that_of_slides_that_training_never_saw(done):
    folder, printed = done
    ann = folder / 'data' / 'gastric_cls3_ann'
    val, train = slides(ann / 'val_0.5.txt'), slides(ann / 'train_all_0.5.txt')
    assert not set(val) & set(train)
    results = json.loads((folder / 'work' / 'results.json').read_text())
    predicted = dict(zip(sorted(val), results['pred_label']))  # one patch a slide
    expected = 100 * balanced_accuracy_score(
        [val[slide] for slide in sorted(val)], [predicted[s] for s in sorted(val)]
    )
    found = re.search(r'Slide accuracy: ([\d.]+) % of 6 slides that training', printed)
    assert float(found[1]) == pytest.approx(expected, abs=0.06)


def test_all_files_that_it_names_are_there(done):
    folder, printed = done
    listed = printed.split('\nFiles\n')[1].split('\n\n')[0].splitlines()
    paths = [Path(line.split()[0]) for line in listed]
    assert folder / 'work' / 'overview.png' in paths
    assert all(path.exists() for path in paths)
    with Image.open(folder / 'work' / 'overview.png') as image:
        assert image.size[0] > 1000


def test_the_page_of_the_slide_file_is_named_and_its_tiles_are_counted(done):
    folder, printed = done
    page = folder / 'work' / 'answers' / 'viewer' / 'two-grades' / 'index.html'
    assert f'\n  {page}\n' in printed
    assert page.is_file()
    answer = re.search(r'Slide file: (\d+) of (\d+) tiles \((.*) %\)', printed)
    inside, right = tiles_of_regions(folder)
    assert (int(answer[1]), int(answer[2])) == (right, inside)
    assert float(answer[3]) == pytest.approx(100 * right / inside, abs=0.06)
    assert inside > 50


def tiles_of_regions(folder):
    """Count tiles in the regions that were drawn, and those with their class."""
    from matplotlib.path import Path as Outline

    slide = folder / 'data' / 'slides' / 'two-grades.geojson'
    regions = {
        feature['properties']['classification']['name']: Outline(
            feature['geometry']['coordinates'][0]
        )
        for feature in json.loads(slide.read_text())['features']
    }
    tiles = pd.read_csv(folder / 'work' / 'answers' / 'tiles' / 'two-grades.csv')
    centres = tiles[['minx', 'miny']] + 150  # of tiles of 300 pixels
    shares = tiles.filter(like='prob_')
    predicted = shares.idxmax(axis=1).str.replace('prob_', '')
    drawn = pd.Series('', tiles.index)
    for name, outline in regions.items():
        drawn[outline.contains_points(centres)] = name
    return (drawn != '').sum(), ((drawn != '') & (drawn == predicted)).sum()


@pytest.mark.long
def test_the_grades_of_the_regions_come_out_right(tmp_path):
    run = demo('--data', tmp_path / 'data', '--work-dir', tmp_path / 'work')
    assert run.returncode == 0, run.stdout + run.stderr
    inside, right = tiles_of_regions(tmp_path)
    assert right >= 0.9 * inside > 60


def test_what_is_whole_is_kept_and_another_seed_is_made_anew(done, capsys):
    from demo.data import Size, prepare

    folder, _ = done
    data, size = folder / 'data', Size(slides=4, patches=1)
    texts = [
        'Well differentiated tubular adenocarcinoma',
        'Moderately differentiated tubular adenocarcinoma',
        'Poorly differentiated adenocarcinoma',
    ]
    files = {path: path.stat().st_mtime_ns for path in data.rglob('*')}
    prepare(data, 0, size, texts)
    assert {path: path.stat().st_mtime_ns for path in data.rglob('*')} == files
    # A run that ended while it wrote the models: no stamp.
    (data / 'models' / 'synthetic.json').unlink()
    (data / 'models' / 'tiny_clip.pt').write_bytes(b'half')
    prepare(data, 0, size, texts)
    assert (data / 'models' / 'tiny_clip.pt').stat().st_size > 1_000_000
    before = (data / 'captions.csv').read_text()
    prepare(data, 1, size, texts)
    assert (data / 'captions.csv').read_text() != before


def test_data_of_ones_own_end_it_before_anything_is_written(tmp_path):
    (tmp_path / 'captions.csv').write_text('id,subtype,text\n')
    run = demo('--data', tmp_path)
    assert run.returncode == 2
    assert re.search(r'^error: .*not made here', run.stderr, re.MULTILINE)
    assert [path.name for path in tmp_path.iterdir()] == ['captions.csv']


def test_the_config_follows_the_switch_for_few_slides(monkeypatch):
    from mmcv import Config

    monkeypatch.setenv('SHOTS', '4')
    monkeypatch.delenv('DEMO_DATA', raising=False)
    config = Config.fromfile(str(ROOT / 'configs/demo/cite_tiny-clip_tiny-bert.py'))
    assert config.data.train.ann_file == 'data/demo/gastric_cls3_ann/train_4_0.5.txt'
    assert '_p4-' in config.work_dir
    assert [path.name for path in (ROOT / 'configs' / 'demo').glob('*.py')] == [
        'cite_tiny-clip_tiny-bert.py'
    ]
