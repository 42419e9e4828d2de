"""Commands in forks of a process that has imported torch, mmcv and mmcls once.

A new process imports them for three seconds; most commands of a test then work for less
than one. Nothing of cite is imported before the fork, so that all of it runs as typed.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from types import ModuleType
from typing import Callable

IMPORTED = (
    *('torch', 'torch.utils.cpp_extension', 'torchvision', 'timm', 'transformers'),
    *('mmcv.runner', 'mmcls.apis', 'mmcls.datasets', 'mmcls.models'),
    *('mmcv.engine', 'mmcv.fileio', 'ftfy', 'yapf', 'tokenizers', 'accelerate'),
    *('transformers.models.auto.modeling_auto', 'PIL.JpegImagePlugin'),
    *(f'transformers.models.bert.{name}_bert' for name in ('modeling', 'tokenization')),
    *('sklearn.metrics', 'scipy.stats', 'pandas'),
)
ENVIRONMENT = {**os.environ, 'PYTHONWARNINGS': 'ignore'}  # of the imports
# Beginnings of variables that nothing reads before the fork. scikit-learn, imported on
# both sides, sets those of KMP; tokenizers sets its own, and reads it when it is used;
# mmcls' tools, run in this process, set a rank, and threads as they are; Ray sets that
# of breakpoints.
FREE = (
    *('CITE_', 'DEMO_DATA', 'PATH', 'PYTEST_', 'SHOTS', 'TMPDIR'),
    *('PYTHONPATH', 'PYTHONWARNINGS', 'PYTHON_EXEC', 'RAY_'),
    *('KMP_DUPLICATE_LIB_OK', 'KMP_INIT_AT_FORK', 'TOKENIZERS_PARALLELISM'),
    *('LOCAL_RANK', 'MKL_NUM_THREADS', 'PYTHONBREAKPOINT'),
)
LONGEST = 1 << 20  # bytes of a request


def can_run(words: list[str], environment: Mapping[str, str]) -> bool:
    """Tell whether a fork does what a new process would do."""
    changed = {name for name, _ in {*environment.items()} ^ {*ENVIRONMENT.items()}}
    what = _without_options(words[1:])[0]
    is_command = what in ('-m', '-c') or Path(what).parent.name in ('bin', 'tools')
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
    """Leave out ``-u`` and ``-W ignore``; all warnings are off."""
    while words[0] in ('-u', '-W'):
        words = words[1 if words[0] == '-u' else 2 :]
    return words


def run(
    words: list[str], cwd: Path, environment: dict[str, str], apart: bool
) -> CompletedProcess:
    """Run a Python command in a fork; ``stderr`` is in ``stdout`` unless apart."""
    with tempfile.TemporaryFile('w+') as out, tempfile.TemporaryFile('w+') as err:
        address = _start_server()[1] / 'socket'
        streams = out.fileno(), (err if apart else out).fileno()
        try:
            code = _ask(address, words, cwd, environment, streams)[1]()
        except BaseException:  # a test's timeout: the command ends with the server
            os.killpg(_start_server()[0].pid, signal.SIGKILL)
            _start_server.cache_clear()
            raise
        out.seek(0)
        err.seek(0)
        return CompletedProcess(words, code, out.read(), err.read())


def python() -> Path:
    """Return a Python for what starts processes by itself: it runs them as forks."""
    return _start_server()[1] / 'python'


def _ask(
    address: Path,
    words: list[str],
    cwd: Path,
    environment: Mapping[str, str],
    streams: tuple[int, int],
) -> tuple[int, Callable[[], int]]:
    """Start a fork; return its id, and a function that waits for its exit code."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.connect(str(address))
    environment = {name: str(value) for name, value in environment.items()}
    request = {'words': words, 'cwd': str(cwd), 'environment': environment}
    socket.send_fds(server, [json.dumps(request).encode()], streams)
    process = int(server.recv(LONGEST))

    def wait() -> int:
        with server:
            return int(server.recv(LONGEST))

    return process, wait


@functools.cache
def _start_server() -> tuple[Popen, Path]:
    """Start the server; return it and the folder of its socket and its ``python``."""
    folder = Path(tempfile.mkdtemp(prefix='forks-'))
    environment = {**ENVIRONMENT}
    environment.pop('PYTHONPATH', None)
    process = Popen(
        [sys.executable, __file__, str(folder)],
        env=environment,
        stdin=PIPE,  # its end is the server's
        stdout=PIPE,
        start_new_session=True,
    )
    client = folder / 'python'
    client.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {__file__} "$0" "$@"\n')
    client.chmod(0o755)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b'ready\n'
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(process.wait)
    atexit.register(process.stdin.close)  # the first of the three: it ends the process
    return process, folder


def _serve(folder: Path) -> dict:
    """Answer requests; return one in the process that is to run it."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(folder / 'socket'))
    listener.listen(99)
    print('ready', flush=True)
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
    message, streams, *_ = socket.recv_fds(client, LONGEST, 2)
    process = os.fork()
    if not process:
        client.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(streams[0], 1)
        os.dup2(streams[1], 2)
    for stream in streams:
        os.close(stream)
    if not process:
        return json.loads(message)
    client.send(str(process).encode())
    _, status = os.waitpid(process, 0)
    with contextlib.suppress(BrokenPipeError):
        client.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _be_python(path: Path, words: list[str]) -> None:
    """Run this process' command in a fork, as if it were this process."""
    passed_on = signal.SIGINT, signal.SIGTERM
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)  # until they can be
    request = [sys.executable, *words]
    process, wait = _ask(
        path.with_name('socket'), request, Path.cwd(), os.environ, (1, 2)
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


def _run(request: dict, path: list[str]) -> None:
    """Run ``python … -m MODULE``, ``-c CODE`` or ``FILE`` as Python itself does."""
    os.chdir(request['cwd'])
    os.environ.clear()
    os.environ.update(request['environment'])
    words = _without_options(request['words'][1:])
    sys.stdout.reconfigure(write_through='-u' in request['words'][:4])
    warned = os.environ.get('PYTHONWARNINGS', '').split(',')
    warnings._processoptions([*filter(None, warned)])
    added = [*filter(None, os.environ.get('PYTHONPATH', '').split(os.pathsep))]
    for file in (Path(folder, 'sitecustomize.py') for folder in added):
        if file.is_file():
            runpy.run_path(str(file))
    # torchrun's own variable: what it, and mim, start the next Python with.
    sys.executable = os.environ.get('PYTHON_EXEC', sys.executable)
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


def _main() -> None:
    path = sys.path[1:]  # the first is the folder of this file
    sys.path[:] = path
    for name in IMPORTED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
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
    sys.stdout.flush()
    sys.stderr.flush()
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit((code or 0) & 0xFF)


if __name__ == '__main__':
    if sys.argv[1].endswith('python'):
        _be_python(Path(sys.argv[1]), sys.argv[2:])
    else:
        _main()
