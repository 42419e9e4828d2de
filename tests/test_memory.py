"""Memory stays flat: a long run does not keep what it has used."""

import json
from pathlib import Path

import pytest
from mmcv.runner import HOOKS, Hook
from tiny_training import config, make_data, train

ITERS = 2000


@HOOKS.register_module()
class ResidentSize(Hook):
    """Write down the resident bytes of a run and its workers."""

    def __init__(self, path):
        self.path = path
        self.sizes = {}

    def after_train_iter(self, runner):
        n = runner.iter + 1
        if n == 200 or (n > ITERS - 200 and n % 20 == 0):
            self.sizes[n] = resident_bytes()
        if n == ITERS:
            Path(self.path).write_text(json.dumps(self.sizes))


def resident_bytes():
    """List the bytes of the run and each worker; what they share counts in parts.

    Libraries' files are left out: their share depends on who else has them open.
    """
    children = Path('/proc/self/task').glob('*/children')
    workers = [pid for path in children for pid in path.read_text().split()]
    return [proportional(pid) for pid in ['self', *workers]]


def proportional(pid):
    lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    return next(int(ln.split()[1]) * 1024 for ln in lines if ln.startswith('Pss_Anon:'))


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

    sizes = {int(n): sum(parts) for n, parts in json.loads(path.read_text()).items()}
    early, late = sizes.pop(200), max(sizes.values())
    print(f'{early} bytes at 200, at most {late} after: {late - early:+d}')
    assert late < 1.02 * early
