"""Ctrl-C in training: what the user reads, and that the run goes on from there."""

import os
import re
import signal
import subprocess
import sys

import forked
import pytest
from tiny_training import PYTHONPATH, config, make_data, run_command


def started(path, *options):
    command = [forked.python(), '-u', '-m', 'cite', 'train', str(path)]
    return subprocess.Popen(
        [*command, '--seed', '0', *options],
        env={**os.environ, 'PYTHONPATH': PYTHONPATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize('saved', [True, False])
def test_ctrl_c_says_what_is_saved_and_how_to_go_on(tmp_path, saved):
    cfg = config(make_data(tmp_path / 'slides'), tmp_path / 'run', 100_000)
    cfg.checkpoint_config = {'interval': 2 if saved else 100_000, 'max_keep_ckpts': 1}
    cfg.log_config.interval = 1
    cfg.dump(str(tmp_path / 'config.py'))
    process = started(tmp_path / 'config.py')
    lines = []
    for line in process.stdout:
        lines.append(line)
        if re.search(r'Iter \[4/', line):
            process.send_signal(signal.SIGINT)
            break
    lines += process.stdout
    printed = ''.join(lines)
    assert process.wait() == 130, printed
    assert 'Traceback' not in printed
    done = int(re.search(r'interrupted in iteration (\d+)', printed)[1])
    assert done >= 4
    if not saved:
        assert 'Nothing is saved yet: a smaller checkpoint_config.interval' in printed
        return
    path = re.search(r'Saved: (\S+)\. To go on .* --auto-resume', printed)[1]
    step = int(re.search(r'iter_(\d+)\.pth$', path)[1])
    assert done - 2 <= step <= done
    command = (sys.executable, '-m', 'cite', 'train', tmp_path / 'config.py')
    printed = run_command(
        *(*command, '--seed', 0, '--auto-resume'),
        *('--cfg-options', f'runner.max_iters={step + 1}'),
    )
    assert re.search(rf'Iter \[{step + 1}/{step + 1}\]', printed)
    assert not re.search(rf'Iter \[{step}/', printed)
