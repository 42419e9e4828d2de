"""Memory stays flat: a long run does not keep what it has used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmcv import Config
from mmcv.runner import HOOKS, Hook
from tiny_training import PYTHONPATH, ROOT, train

from demo.data import Size, prepare

ITERS = 2000
WINDOW = 6  # looks, one each 20 iterations: 200 to 300


@HOOKS.register_module()
class ResidentSize(Hook):
    """Write down the resident bytes of a run and of its workers from the 200th on."""

    def __init__(self, path):
        self.path = path
        self.sizes = []

    def after_train_iter(self, runner):
        n = runner.iter + 1
        if n >= 200 and n % 20 == 0:
            self.sizes.append({pid: resident_bytes(pid) for pid in processes()})
        if n == ITERS:
            Path(self.path).write_text(json.dumps(self.sizes))


def processes():
    children = Path('/proc/self/task').glob('*/children')
    return ['self', *(pid for path in children for pid in path.read_text().split())]


def resident_bytes(pid):
    """Return what a process has in memory, but for pages of files.

    The system fetches and drops those (libraries) as it likes. Pages that processes
    share count in each: in parts, a worker's end would look like another's growth.
    """
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    kb = {ln.split(':')[0]: ln.split()[1] for ln in lines if ln.endswith(' kB')}
    return (int(kb['RssAnon']) + int(kb['RssShmem'])) * 1024


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """Return the demo's config, its slides and models made, for a run of 2,000."""
    config = ROOT / 'configs/demo/cite_tiny-clip_tiny-bert.py'
    monkeypatch.setenv('DEMO_DATA', str(tmp_path / 'demo'))
    monkeypatch.delenv('SHOTS', raising=False)
    cfg = Config.fromfile(str(config))
    prepare(tmp_path / 'demo', 0, Size(), cfg.TEXTS)
    splits = ['tools/ann.py', '--data-path', str(tmp_path / 'demo'), '--val', '0.5']
    subprocess.run(
        [sys.executable, *splits],
        cwd=ROOT,
        check=True,
        env={**os.environ, 'PYTHONPATH': PYTHONPATH},
        stdout=subprocess.DEVNULL,
    )
    cfg.runner.max_iters = ITERS
    cfg.work_dir = str(tmp_path / 'run')
    cfg.checkpoint_config = {'interval': 500, 'max_keep_ckpts': 1}
    # The first one, which starts workers that stay, before the first 200 are over.
    cfg.evaluation.interval = 180
    return cfg


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_two_thousand_iterations_of_the_demo_grow_by_less_than_two_percent(
    demo, tmp_path
):
    path = tmp_path / 'sizes.json'
    demo.custom_hooks = [{'type': 'ResidentSize', 'path': str(path)}]

    train(demo)

    sizes = json.loads(path.read_text())
    # A window: batches on their way from the workers (5 MB each) come and go.
    first, later = sizes[:WINDOW], sizes[WINDOW:]
    assert len(first[0]) == 5  # the run, and two workers each to train and to evaluate
    for pid in first[0]:
        before, after = (max(s[pid] for s in part) for part in (first, later))
        print(f'{pid}: at most {before} bytes from 200 to 300, {after} after')
        assert after < 1.02 * before
