"""Memory stays flat during a long run."""

import json
import sys
from pathlib import Path

import pytest
from commands import ROOT, run
from mmcv import Config
from mmcv.runner import HOOKS, Hook
from tiny_training import train

from demo.data import Size, prepare

ITERS = 2000
WINDOW = 6  # measurements, one every 20 iterations: 200 to 300


@HOOKS.register_module()
class ResidentSize(Hook):
    """Record the resident bytes of a run and its workers from iteration 200 on."""

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
    """Return the memory of a process without pages of files.

    The system fetches and drops those (libraries) at any time. Pages that processes
    share count fully in each: if they were divided, the end of one worker would look
    like growth of another.
    """
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    kb = {ln.split(':')[0]: ln.split()[1] for ln in lines if ln.endswith(' kB')}
    return (int(kb['RssAnon']) + int(kb['RssShmem'])) * 1024


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """Make the demo's slides and models; return its config for 2,000 iterations."""
    config = ROOT / 'configs/demo/cite_tiny-clip_tiny-bert.py'
    monkeypatch.setenv('DEMO_DATA', str(tmp_path / 'demo'))
    monkeypatch.delenv('SHOTS', raising=False)
    cfg = Config.fromfile(str(config))
    prepare(tmp_path / 'demo', 0, Size(), cfg.TEXTS)
    run(sys.executable, 'tools/ann.py', '--data-path', tmp_path / 'demo', '--val', 0.5)
    cfg.runner.max_iters = ITERS
    cfg.work_dir = str(tmp_path / 'run')
    cfg.checkpoint_config = {'interval': 500, 'max_keep_ckpts': 1}
    # The first evaluation starts persistent workers, before measurements begin.
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
    # The maximum of a window, because batches in transit (5 MB each) come and go.
    first, later = sizes[:WINDOW], sizes[WINDOW:]
    assert len(first[0]) == 5  # the run, two training and two test workers
    for pid in first[0]:
        before, after = (max(s[pid] for s in part) for part in (first, later))
        print(f'{pid}: at most {before} bytes from 200 to 300, {after} after')
        assert after < 1.02 * before
