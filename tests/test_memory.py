"""Memory stays flat: a long run does not keep what it has used."""

import json
from pathlib import Path

import pytest
from mmcv.runner import HOOKS, Hook
from tiny_training import config, make_data, train

ITERS = 2000


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


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_two_thousand_iterations_grow_by_less_than_two_percent(tmp_path):
    data = make_data(tmp_path / 'slides')
    cfg = config(data, tmp_path / 'run', ITERS, neck='ProjectionNeck')
    cfg.data.workers_per_gpu = 2
    cfg.checkpoint_config = {'interval': 500, 'max_keep_ckpts': 1}
    # The first one, which starts workers that stay, before the first 200 are over.
    cfg.evaluation.interval = 180
    cfg.log_config.interval = 10
    path = tmp_path / 'sizes.json'
    cfg.custom_hooks = [{'type': 'ResidentSize', 'path': str(path)}]

    train(cfg)

    early, *later = json.loads(path.read_text())
    assert len(early) == 5  # the run, and two workers each to train and to evaluate
    for pid, before in early.items():
        after = max(sizes[pid] for sizes in later)
        print(f'{pid}: {before} bytes at 200, at most {after} after')
        assert after < 1.02 * before
