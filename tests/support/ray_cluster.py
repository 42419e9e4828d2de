"""A Ray cluster of this machine, which an engine joins by RAY_ADDRESS."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


@contextmanager
def ray_cluster() -> Iterator[str]:
    """Run a cluster of four CPUs; give its address."""
    from ray.cluster_utils import Cluster

    # Ray's sockets need a short path.
    with tempfile.TemporaryDirectory(prefix='ray', dir='/tmp') as folder:
        with mock.patch.dict(os.environ, RAY_TMPDIR=folder):
            node = {'num_cpus': 4, 'num_gpus': 0, 'include_dashboard': False}
            cluster = Cluster(initialize_head=True, head_node_args=node)
        try:
            yield cluster.address
        finally:
            cluster.shutdown()
