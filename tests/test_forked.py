"""Commands of tests are forks, and end as new processes do."""

import os
import signal
import subprocess
import sys

import forked
import pytest
from commands import attempt, run
from engine_tasks import ends
from mmcv.runner import set_random_seed

PROCESS = """
import multiprocessing, sys

def target(pipe):
    pipe.send(f'mmcv: {"mmcv" in sys.modules}, cite: {"cite" in sys.modules}')

if __name__ == '__main__':
    context = multiprocessing.get_context(sys.argv[1])
    here, there = context.Pipe()
    process = context.Process(target=target, args=(there,))
    process.start()
    print(here.recv())
    process.join()
    print(process.exitcode)
"""


@pytest.mark.parametrize(
    'name',
    ['KMP_INIT_AT_FORK', 'TOKENIZERS_PARALLELISM', 'PYTHONBREAKPOINT', 'LOCAL_RANK'],
)
def test_what_imports_of_the_suite_set_makes_no_command_a_new_process(name):
    environment = {**forked.usual(), name: 'x'}
    assert forked.can_run([sys.executable, '-m', 'cite'], environment)
    assert forked.can_run([sys.executable, '-u', '-W', 'ignore', '-c', ''], environment)


def test_a_command_is_a_fork_after_a_seed_was_set():
    set_random_seed(1)
    assert os.environ['PYTHONHASHSEED'] == '1'
    code = 'import os, sys; print("mmcv" in sys.modules, os.getenv("PYTHONHASHSEED"))'
    assert run(sys.executable, '-c', code) == 'True None\n'


def test_what_a_test_leaves_in_the_environment_makes_none_either():
    kept = {**os.environ}
    with forked.kept_environment():
        os.environ['CUDA_MODULE_LOADING'] = 'LAZY'  # as torch sets it
        os.environ['OMP_NUM_THREADS'] = '7'
        os.environ.pop('HF_HUB_OFFLINE', None)
        os.environ['RAY_TEST'] = 'x'
    assert {**os.environ} == {**kept, 'RAY_TEST': 'x'}
    del os.environ['RAY_TEST']


@pytest.mark.parametrize('name', ['OMP_NUM_THREADS', 'PYTHONHASHSEED', 'LC_ALL'])
def test_what_python_or_torch_read_at_their_start_makes_it_one(name):
    environment = {**forked.usual(), name: '7'}
    assert not forked.can_run([sys.executable, '-m', 'cite'], environment)


@pytest.mark.parametrize(
    ('code', 'exit_code', 'printed'),
    [
        ('print(*sys.argv[1:])', 0, 'a b'),
        ('sys.exit()', 0, ''),
        ('sys.exit(3)', 3, ''),
        ('sys.exit("a mistake")', 1, 'a mistake'),
        ('int("x")', 1, "ValueError: invalid literal for int() with base 10: 'x'"),
        ('atexit.register(print, "the end"); sys.exit(2)', 2, 'the end'),
        ('print("cite" in sys.modules)', 0, 'False'),
        ('sys.stdout.close()', 0, ''),
        ('os.kill(os.getpid(), signal.SIGKILL)', -signal.SIGKILL, ''),
    ],
)
def test_a_fork_ends_as_a_new_process(code, exit_code, printed):
    command = sys.executable, '-c', f'import atexit, os, signal, sys\n{code}', 'a', 'b'
    for done in (attempt(*command), attempt(*command, cold=True)):
        assert done.returncode == exit_code
        assert done.stdout.strip().rpartition('\n')[2] == printed


def test_what_starts_processes_itself_starts_forks():
    code = 'import sys; print(sys.flags.isolated, sys.argv[1:]); sys.exit(5)'
    words = [forked.python(), '-u', '-c', code, 'a b']
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (5, "0 ['a b']\n")
    inner = 'import subprocess, sys; subprocess.run([sys.executable, "-c", "print(7)"])'
    printed = run(sys.executable, '-c', inner, PYTHON_EXEC=str(forked.python()))
    assert printed == '7\n'


@pytest.mark.parametrize('method', ['spawn', 'forkserver'])
def test_a_process_of_multiprocessing_is_a_fork(method, tmp_path):
    script = tmp_path / 'process.py'
    script.write_text(PROCESS)
    python = str(forked.python())
    printed = run(sys.executable, script, method, PYTHON_EXEC=python)
    assert printed == 'mmcv: True, cite: False\n0\n'


def test_a_fork_ends_with_the_process_that_was_started_for_it(tmp_path):
    code = 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'
    words = [forked.python(), '-c', code]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        number = int(process.stdout.readline())
        assert number != process.pid
        process.kill()
    assert ends(number)


def test_a_command_ends_with_the_test_that_waits_for_it(tmp_path):
    def stop(*_):
        raise TimeoutError

    started = tmp_path / 'started'
    before = signal.signal(signal.SIGUSR1, stop)
    waits = ('kill', '-USR1', str(os.getpid()))
    code = (
        'import os, subprocess, sys, time\n'
        'open(sys.argv[1], "w").write(str(os.getpid()))\n'
        'subprocess.run(sys.argv[2:])\n'
        'time.sleep(60)'
    )
    with pytest.raises(TimeoutError):
        run(sys.executable, '-c', code, started, *waits)
    signal.signal(signal.SIGUSR1, before)
    assert ends(int(started.read_text()))


def test_a_fork_has_the_files_that_it_inherits():
    code = 'import os, sys; os.write(int(sys.argv[1]), sys.stdin.read().encode())'
    end, other_end = os.pipe()
    words = [forked.python(), '-c', code, str(other_end)]
    subprocess.run(words, input=b'asked', pass_fds=[other_end], check=True)
    os.close(other_end)
    with open(end, 'rb') as file:
        assert file.read() == b'asked'


def test_signals_reach_the_fork():
    code = 'import time; print("started", flush=True); time.sleep(60)'
    words = [forked.python(), '-c', code]
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            process.send_signal(number)
            assert process.wait() == -number
