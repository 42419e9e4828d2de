"""Commands, and xdist's workers, as forks of a process that has imported torch once.

A new process imports them for three seconds; most commands of a test then work for less
than one. Nothing of cite is imported before the fork, so that all of it runs as typed.
"""

import atexit
import contextlib
import fcntl
import functools
import gc
import importlib
import json
import multiprocessing.spawn
import os
import resource
import runpy
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import DEVNULL, PIPE, CompletedProcess, Popen
from types import ModuleType
from typing import Callable

IMPORTED = (
    *('torch', 'torch.utils.cpp_extension', 'torchvision', 'timm', 'transformers'),
    *('mmcv.runner', 'mmcls.apis', 'mmcls.datasets', 'mmcls.models'),
    *('mmcv.engine', 'mmcv.fileio', 'ftfy', 'yapf', 'tokenizers', 'accelerate'),
    *('transformers.models.auto.modeling_auto', 'PIL.JpegImagePlugin'),
    *(f'transformers.models.bert.{name}_bert' for name in ('modeling', 'tokenization')),
    *('numba', 'sklearn.metrics', 'scipy.stats', 'pandas', 'pytest'),
)
# Beginnings of variables that nothing reads before the fork, which has not looked for a
# GPU. scikit-learn, imported on both sides, sets those of KMP; tokenizers sets its own,
# and reads it when it is used; mmcls' tools, run in this process, set a rank, and
# threads as they are; Ray sets that of breakpoints.
FREE = (
    *('CITE_', 'DEMO_DATA', 'PATH', 'PYTEST_', 'SHOTS', 'TMPDIR'),
    *('PYTHONPATH', 'PYTHONWARNINGS', 'PYTHON_EXEC', 'RAY_'),
    *('KMP_DUPLICATE_LIB_OK', 'KMP_INIT_AT_FORK', 'TOKENIZERS_PARALLELISM'),
    *('CUDA_VISIBLE_DEVICES', 'LOCAL_RANK', 'MKL_NUM_THREADS', 'PYTHONBREAKPOINT'),
)
_started: dict[Path, Popen] = {}  # servers of this process, by their folders
SHARED = 'PYTEST_FORKS'  # names the folder of a server that others share
START = Path(__file__).parents[2] / 'cite/start.py'
LONGEST = 1 << 20  # bytes of a request
HIGH = 500  # above the numbers of files that a process inherits
MOST = 200  # files of a request; a system sends at most 253


@functools.cache
def usual() -> dict[str, str]:
    """Return the environment before the first test, as imports of cite leave it."""
    return {**os.environ}


def can_run(words: list[str], environment: Mapping[str, str]) -> bool:
    """Tell whether a fork does what a new process would do."""
    changed = {name for name, _ in {*environment.items()} ^ {*usual().items()}}
    what = Path(_without_options(words[1:])[0])
    is_script = what.suffix == '.py' or what.parent.name == 'bin'
    is_command = is_script or str(what) in ('-m', '-c')
    is_free = all(name.startswith(FREE) for name in changed)
    return words[0] == sys.executable and is_command and is_free


@contextlib.contextmanager
def kept_environment() -> Iterator[None]:
    """Undo what is changed in the environment and would keep commands from forks."""
    kept = {**os.environ}
    yield
    changed = {name for name, _ in kept.items() ^ os.environ.items()}
    for name in changed:
        if not name.startswith(FREE):
            os.environ.pop(name, None)
            os.environ.update({name: kept[name]} if name in kept else {})


def _without_options(words: list[str]) -> list[str]:
    """Leave out ``-u``, ``-W ignore`` and the like."""
    while words[0].startswith('-') and words[0] not in ('-m', '-c'):
        words = words[2 if words[0] in ('-W', '-X') else 1 :]
    return words


def _asked_warnings(words: list[str]) -> list[str]:
    """Return the filters in the environment and in a command's options."""
    options = words[: len(words) - len(_without_options(words))]
    asked = [after for word, after in zip(options, options[1:]) if word == '-W']
    asked += [word[2:] for word in options if word.startswith('-W') and word != '-W']
    return [*filter(None, os.environ.get('PYTHONWARNINGS', '').split(',')), *asked]


def run(
    words: list[str], cwd: Path, environment: dict[str, str], apart: bool
) -> CompletedProcess:
    """Run a Python command in a fork; ``stderr`` is in ``stdout`` unless apart."""
    with tempfile.TemporaryFile('w+') as out, tempfile.TemporaryFile('w+') as err:
        address = _server() / 'socket'
        files = {1: out.fileno(), 2: (err if apart else out).fileno()}
        code = _ask(address, words, cwd, environment, files)[1]()
        out.seek(0)
        err.seek(0)
        return CompletedProcess(words, code, out.read(), err.read())


def python() -> Path:
    """Return a Python for what starts processes by itself: it runs them as forks.

    They have the files that they inherit, and end when the process that was started
    for them is killed.
    """
    return _server() / 'python'


@contextlib.contextmanager
def workers() -> Iterator[None]:
    """Let multiprocessing's processes that start anew be forks."""
    kept = multiprocessing.spawn.get_executable()
    multiprocessing.set_executable(str(python()))
    try:
        yield
    finally:
        multiprocessing.set_executable(kept)


def _ask(
    address: Path,
    words: list[str],
    cwd: Path,
    environment: Mapping[str, str],
    files: Mapping[int, int],
) -> tuple[int, Callable[[], int]]:
    """Start a fork; return its id, and a function that waits for its exit code.

    Args:
        files: the numbers of open files: in the fork, and here.
    """
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.connect(str(address))
    environment = {name: str(value) for name, value in environment.items()}
    request = {'words': words, 'cwd': str(cwd), 'environment': environment}
    request['largest_file'] = resource.getrlimit(resource.RLIMIT_FSIZE)
    message = json.dumps({**request, 'files': [*files]}).encode()
    socket.send_fds(server, [message], [*files.values()])
    process = int(server.recv(LONGEST))

    def wait() -> int:
        with server:
            return int(server.recv(LONGEST))

    return process, wait


def share() -> None:
    """Start a server for this process and those that it starts; do not wait for it.

    It has as many threads as importing cite would give it.
    """
    _function(START, 'settle_threads')()
    os.environ[SHARED] = str(_start_server())


@functools.cache
def _server() -> Path:
    """Return the folder of the server's socket and its ``python``, which are there."""
    shared = os.environ.get(SHARED)
    folder = Path(shared) if shared else _start_server()
    until = time.monotonic() + 120
    while not (folder / 'ready').exists():
        ended = folder in _started and _started[folder].poll() is not None
        assert not ended, 'the process of all forks has ended'
        assert time.monotonic() < until, 'the process of all forks does not start'
        time.sleep(0.05)
    return folder


def _start_server() -> Path:
    """Start a server; return the folder where its socket and its ``python`` will be."""
    folder = Path(tempfile.mkdtemp(prefix='forks-'))
    environment = {**usual()}
    for name in ('PYTHONPATH', 'PYTHONWARNINGS'):
        environment.pop(name, None)
    process = Popen(
        [sys.executable, __file__, str(folder)],
        env=environment,
        stdin=PIPE,  # its end is the server's
        stdout=DEVNULL,
        start_new_session=True,
    )
    _started[folder] = process
    client = folder / 'python'
    client.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {__file__} "$0" "$@"\n')
    client.chmod(0o755)
    assert process.stdin is not None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(process.wait)
    atexit.register(process.stdin.close)  # the first of the three: it ends the process
    return folder


def _serve(folder: Path) -> dict:
    """Answer requests; return one in the process that is to run it."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(folder / 'socket'))
    listener.listen(99)
    (folder / 'ready').touch()
    while True:
        ready = select.select([listener, sys.stdin], [], [])[0]
        with contextlib.suppress(ChildProcessError):  # none is left
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if sys.stdin in ready:
            os._exit(0)
        client, _ = listener.accept()
        if not os.fork():
            break
        client.close()
    listener.close()
    message, files, *_ = socket.recv_fds(client, LONGEST, MOST)
    request = json.loads(message)
    process = os.fork()
    if not process:
        client.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _take(files, request['files'])
        return request
    os.setpgid(process, process)  # Ray kills the group of a worker that has died
    for file in files:
        os.close(file)
    threading.Thread(target=_end_with, args=(client, process), daemon=True).start()
    with contextlib.suppress(OSError):
        client.send(str(process).encode())
    _, status = os.waitpid(process, 0)
    with contextlib.suppress(OSError):
        client.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _function(file: Path, name: str) -> Callable:
    """Return a function of a file that imports nothing of cite."""
    return runpy.run_path(str(file))[name]


def _take(files: list[int], numbers: list[int]) -> None:
    """Give files the numbers that they have where they come from."""
    above = [fcntl.fcntl(file, fcntl.F_DUPFD, HIGH) for file in files]
    for file in files:
        os.close(file)
    for file, number in zip(above, numbers):
        os.dup2(file, number)
        os.close(file)


def _end_with(client: socket.socket, process: int) -> None:
    """Kill a fork when what it was started for has been killed."""
    with contextlib.suppress(ConnectionError):  # before it read what was sent
        client.recv(1)
    with contextlib.suppress(OSError):
        os.killpg(process, signal.SIGKILL)


def _be_python(path: Path, words: list[str]) -> None:
    """Run this process' command in a fork, as if it were this process."""
    files = {number: number for number in _inherited()}
    passed_on = signal.SIGINT, signal.SIGTERM
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)  # until they can be
    request = [sys.executable, *words]
    process, wait = _ask(
        path.with_name('socket'), request, Path.cwd(), os.environ, files
    )
    for number in passed_on:
        signal.signal(number, lambda number, frame: os.kill(process, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
    code = wait()
    if code < 0:
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _inherited() -> Iterator[int]:
    """Yield the numbers of this process' open files."""
    for number in map(int, os.listdir('/dev/fd')):
        with contextlib.suppress(OSError):  # the list's own
            os.fstat(number)
            yield number


def _run(request: dict, path: list[str]) -> None:
    """Run ``python … -m MODULE``, ``-c CODE`` or ``FILE`` as Python itself does."""
    resource.setrlimit(resource.RLIMIT_FSIZE, tuple(request['largest_file']))
    os.chdir(request['cwd'])
    os.environ.clear()
    os.environ.update(request['environment'])
    words = _without_options(request['words'][1:])
    sys.stdout.reconfigure(write_through='-u' in request['words'][:4])
    sys.warnoptions[:] = _asked_warnings(request['words'][1:])
    warnings._processoptions(sys.warnoptions)
    added = [*filter(None, os.environ.get('PYTHONPATH', '').split(os.pathsep))]
    for file in (Path(folder, 'sitecustomize.py') for folder in added):
        if file.is_file():
            runpy.run_path(str(file))
    # torchrun's own variable: what it, and mim, start the next Python with.
    sys.executable = os.environ.get('PYTHON_EXEC', sys.executable)
    multiprocessing.spawn.set_executable(sys.executable)
    if words[0] == '-m':
        sys.argv = ['-m', *words[2:]]
        sys.path[:] = [os.getcwd(), *added, *path]
        runpy.run_module(words[1], run_name='__main__', alter_sys=True)
    elif words[0] == '-c':
        sys.argv = ['-c', *words[2:]]
        sys.path[:] = ['', *added, *path]
        sys.modules['__main__'] = main = ModuleType('__main__')
        exec(words[1], main.__dict__)
    else:
        sys.argv = words
        sys.path[:] = [str(Path(words[0]).resolve().parent), *added, *path]
        runpy.run_path(words[0], run_name='__main__')


def _import_all() -> None:
    """Import what forks have, without warnings; the filters that it adds stay."""
    warnings.simplefilter('ignore')
    ignored = warnings.filters[0]
    for name in IMPORTED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError):
        _function(START, 'import_clip')()
        importlib.import_module('clip')
    warnings.filters.remove(ignored)


def _main() -> None:
    path = sys.path[1:]  # the first is the folder of this file
    sys.path[:] = path
    _import_all()
    _function(Path(__file__).with_name('config_text.py'), 'install')()
    gc.collect()
    gc.freeze()
    # A background job of a shell ignores Ctrl-C, and so would the forks.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    request = _serve(Path(sys.argv[1]))
    code: object = None
    try:
        _run(request, path)
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        sys.excepthook(*sys.exc_info())
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    _end(code)


def _end(code: object) -> None:
    """End as Python does, without a second of taking the imported modules apart."""
    if not isinstance(code, (int, type(None))):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:  # as multiprocessing's resource tracker leaves them
            stream.flush()
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit((code or 0) & 0xFF)


if __name__ == '__main__':
    if sys.argv[1].endswith('python'):
        _be_python(Path(sys.argv[1]), sys.argv[2:])
    else:
        _main()
