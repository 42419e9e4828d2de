"""A Ray cluster of this machine, which an engine joins by RAY_ADDRESS."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional
from unittest import mock

from forked import python

PYTHON = 'RAY_WORKERS_PYTHON'  # names a Python that forks


def worker_forks() -> dict[str, str]:
    """Return variables with which Ray's workers are forks, started when needed."""
    return {
        'RAY_RUNTIME_ENV_HOOK': f'{__name__}.add_python',
        PYTHON: str(python()),
        'RAY_prestart_worker_first_driver': '0',
    }


def add_python(runtime_env: Optional[dict[str, Any]]) -> dict[str, Any]:
    """Let workers of a process with these variables be started by that Python."""
    return {**(runtime_env or {}), 'py_executable': os.environ[PYTHON]}


@contextmanager
def ray_cluster() -> Iterator[str]:
    """Run a cluster of four CPUs; give its address."""
    from ray.cluster_utils import Cluster

    # Ray's sockets need a short path.
    with tempfile.TemporaryDirectory(prefix='ray', dir='/tmp') as folder:
        forks = worker_forks()
        with mock.patch.dict(os.environ, RAY_TMPDIR=folder, **forks):
            node = {'num_cpus': 4, 'num_gpus': 0, 'include_dashboard': False}
            cluster = Cluster(initialize_head=True, head_node_args=node)
        try:
            with mock.patch.dict(os.environ, forks):
                yield cluster.address
        finally:
            cluster.shutdown()
