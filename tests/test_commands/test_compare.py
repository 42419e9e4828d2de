"""The command, as typed."""

import sys

from commands import attempt
from tiny_compare import write_comparison
from tiny_training import PYTHONPATH, ROOT


def compare(*arguments):
    command = sys.executable, ROOT / 'tools/compare.py', *arguments
    environment = {'PYTHONPATH': PYTHONPATH, 'OMP_NUM_THREADS': '1'}
    return attempt(*command, apart=True, **environment)


def test_a_failing_job_ends_in_code_1_and_is_named(tmp_path):
    from tiny_training import make_data

    data = make_data(tmp_path / 'data', slides=2)
    config = write_comparison(data, tmp_path, shots=['all'], draws=0)
    linear = tmp_path / 'configs/linear.py'
    broken = linear.read_text().replace("'in_channels': 16", "'in_channels': 15")
    linear.write_text(broken)
    out = tmp_path / 'out'
    listed = compare(config, '--out', str(out), '--dry-run')
    assert listed.returncode == 0
    assert listed.stdout.count('missing') == 4
    assert not out.exists()
    done = compare(config, '--out', str(out), '--jobs', '1')
    assert done.returncode == 1
    assert 'failed: linear-allshot-draw0-seed0: ' in done.stderr
    assert f'incomplete: {out}/report.html' in done.stdout
    assert (out / 'report.html').is_file()
    head = done.stdout.split('Slides a class')[1].splitlines()
    assert head[0].split() == ['Method', 'Runs', 'Acc.', 'Bal.', 'acc.']
    assert len([line for line in head if line.startswith('all  ')]) == 2
    assert len(list((out / 'predictions').iterdir())) == 3


def test_a_config_that_is_not_there_ends_in_code_2():
    done = compare('configs/compare/dmeo.py')
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr
    assert 'configs/compare/demo.py' in done.stderr
