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
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from subprocess import DEVNULL, CompletedProcess, Popen
from types import ModuleType

IMPORTED = (
    *('torch', 'torch.utils.cpp_extension', 'torchvision', 'timm', 'transformers'),
    *('mmcv.runner', 'mmcls.apis', 'mmcls.datasets', 'mmcls.models'),
    *('mmcv.engine', 'mmcv.fileio', 'ftfy', 'yapf', 'tokenizers', 'accelerate'),
    *('transformers.models.auto.modeling_auto', 'transformers.models.bert.modeling_bert'),
    *('transformers.models.bert.tokenization_bert', 'PIL.JpegImagePlugin'),
    *('sklearn.metrics', 'scipy.stats', 'pandas'),
)
ENVIRONMENT = {**os.environ, 'PYTHONWARNINGS': 'ignore'}  # of the imports
# Beginnings of variables that nothing reads before the fork. scikit-learn, imported on
# both sides, sets those of KMP; tokenizers sets its own, and reads it when it is used.
FREE = (
    *('CITE_', 'DEMO_DATA', 'PATH', 'PYTEST_', 'PYTHONPATH', 'SHOTS', 'TMPDIR'),
    *('KMP_DUPLICATE_LIB_OK', 'KMP_INIT_AT_FORK', 'TOKENIZERS_PARALLELISM'),
)
LONGEST = 1 << 20  # bytes of a request


def can_run(words: list[str], environment: dict[str, str]) -> bool:
    """Tell whether a fork does what a new process would do."""
    changed = {name for name, _ in {*environment.items()} ^ {*ENVIRONMENT.items()}}
    what = words[3] if words[1] == '-W' else words[1]
    is_command = what in ('-m', '-c') or Path(what).parent.name == 'tools'
    is_free = all(name.startswith(FREE) for name in changed)
    return words[0] == sys.executable and is_command and is_free


def run(
    words: list[str], cwd: Path, environment: dict[str, str], apart: bool
) -> CompletedProcess:
    """Run a Python command in a fork; ``stderr`` is in ``stdout`` unless apart."""
    request = {'words': words, 'cwd': str(cwd), 'environment': environment}
    with tempfile.TemporaryFile('w+') as out, tempfile.TemporaryFile('w+') as err:
        server, process = _start_server()
        streams = out.fileno(), (err if apart else out).fileno()
        try:
            message = [json.dumps(request).encode()]
            socket.send_fds(server, message, streams)
            code = int(server.recv(LONGEST))
        except BaseException:  # a test's timeout: the command ends with the server
            os.killpg(process.pid, signal.SIGKILL)
            _start_server.cache_clear()
            raise
        out.seek(0)
        err.seek(0)
        return CompletedProcess(words, code, out.read(), err.read())


@functools.cache
def _start_server() -> tuple[socket.socket, Popen]:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {**ENVIRONMENT}
    environment.pop('PYTHONPATH', None)
    with its:
        process = Popen(
            [sys.executable, __file__, str(its.fileno())],
            env=environment,
            stdin=DEVNULL,
            pass_fds=[its.fileno()],
            start_new_session=True,
        )
    atexit.register(process.wait)
    atexit.register(ours.close)  # the first of the two: it ends the process
    return ours, process


def _serve(server: socket.socket) -> dict:
    """Answer requests; return one in the process that is to run it."""
    while True:
        message, streams, *_ = socket.recv_fds(server, LONGEST, 2)
        if not message:
            sys.exit()
        process = os.fork()
        if not process:
            server.close()
            os.dup2(streams[0], 1)
            os.dup2(streams[1], 2)
        for stream in streams:
            os.close(stream)
        if not process:
            return json.loads(message)
        _, status = os.waitpid(process, 0)
        server.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run(request: dict, path: list[str]) -> None:
    """Run ``python … -m MODULE``, ``-c CODE`` or ``FILE`` as Python itself does."""
    os.chdir(request['cwd'])
    os.environ.clear()
    os.environ.update(request['environment'])
    words = request['words'][1:]
    while words[0] == '-W':  # all warnings are off
        del words[:2]
    added = [part for part in os.environ['PYTHONPATH'].split(os.pathsep) if part]
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
    with socket.socket(fileno=int(sys.argv[1])) as server:
        request = _serve(server)
    code: object = None
    try:
        _run(request, path)
    except SystemExit as end:
        code = end.code
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
    os._exit((code or 0) & 0xFF)


if __name__ == '__main__':
    _main()
