"""mmcls trains and evaluates on several ranks with CUDA alone, and with old torch.

mmcv 1.7 asks for a GPU before it joins the ranks, and its ``MMDistributedDataParallel``
uses attributes that torch 2.1 took away. mmcls 0.25.0 refuses to wrap a model on a CPU
and exchanges results through GPU tensors.
"""

import functools
import os
import subprocess
import tempfile
from typing import Any, Optional

import torch
import torch.distributed as dist
from mmcls.apis.test import collect_results_cpu as _collect_results_cpu
from mmcls.utils import wrap_distributed_model as _wrap_distributed_model
from mmcv.parallel import MMDistributedDataParallel as _MMDistributedDataParallel
from mmcv.parallel.scatter_gather import scatter_kwargs
from mmcv.runner import dist_utils
from torch import nn

from .doors import rebind


def install() -> None:
    """Replace what stands in the way, also where mmcls' tools have taken it already."""
    for name in ('_init_dist_pytorch', '_init_dist_slurm'):
        setattr(dist_utils, name, _without_gpu(getattr(dist_utils, name)))
    rebind(_wrap_distributed_model, wrap_distributed_model)
    rebind(_collect_results_cpu, collect_results_cpu)


def _without_gpu(original: Any) -> Any:
    """Join the ranks with gloo where there is no GPU, whatever the config says."""

    @functools.wraps(original)
    def init(backend: str, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            original(backend, **kwargs)
            return
        if original.__name__ == '_init_dist_slurm':
            _describe_slurm(kwargs.pop('port', None))
        dist.init_process_group(backend='gloo', **kwargs)

    return init


def _describe_slurm(port: Optional[int]) -> None:
    """Say in torch's variables what slurm says in its own."""
    environ = os.environ
    if 'MASTER_ADDR' not in environ:
        hosts = subprocess.run(
            ['scontrol', 'show', 'hostnames', environ['SLURM_NODELIST']],
            check=True,
            capture_output=True,
            text=True,
        )
        environ['MASTER_ADDR'] = hosts.stdout.split()[0]
    # The same on all tasks, and another for another job on the same machine.
    default = 20000 + int(environ['SLURM_JOB_ID']) % 10000
    environ.setdefault('MASTER_PORT', str(port or default))
    environ['WORLD_SIZE'] = environ['SLURM_NTASKS']
    environ['RANK'] = environ['SLURM_PROCID']
    environ['LOCAL_RANK'] = environ['SLURM_LOCALID']


class MMDistributedDataParallel(_MMDistributedDataParallel):
    """mmcv's, for a CPU too (``device_ids=None``), and for torch 2.1 and later."""

    def train_step(self, *inputs: Any, **kwargs: Any) -> Any:
        inputs, kwargs = self._unpack(inputs, kwargs)
        return super().train_step(*inputs, **kwargs)

    def val_step(self, *inputs: Any, **kwargs: Any) -> Any:
        inputs, kwargs = self._unpack(inputs, kwargs)
        return super().val_step(*inputs, **kwargs)

    def _run_ddp_forward(self, *inputs: Any, **kwargs: Any) -> Any:
        if self.device_ids:
            parts = self.to_kwargs(inputs, kwargs, self.device_ids[0])
            inputs, kwargs = parts[0][0], parts[1][0]
        else:
            inputs, kwargs = self._unpack(inputs, kwargs)
        return self.module(*inputs, **kwargs)

    def _unpack(self, inputs: Any, kwargs: Any) -> Any:
        """Take tensors and metas out of mmcv's containers, as for a GPU."""
        if self.device_ids:
            return inputs, kwargs
        (inputs,), (kwargs,) = scatter_kwargs(inputs, kwargs, [-1])
        return inputs, kwargs


@functools.wraps(_wrap_distributed_model)
def wrap_distributed_model(
    model: nn.Module, device: str = 'cuda', *args: Any, **kwargs: Any
) -> nn.Module:
    if device == 'cuda':
        kwargs['device_ids'] = [torch.cuda.current_device()]
    elif device == 'cpu':
        _share_flags(model)
    else:
        return _wrap_distributed_model(model, device, *args, **kwargs)
    return MMDistributedDataParallel(model.to(device), *args, **kwargs)


def _share_flags(model: nn.Module) -> None:
    """Share the first rank's boolean buffers: torch 1.13's gloo knows no bool."""
    flags = {n: b for n, b in model.named_buffers() if b.dtype == torch.bool}
    for flag in flags.values():
        number = flag.to(torch.uint8)
        dist.broadcast(number, src=0)
        flag.copy_(number)
    MMDistributedDataParallel._set_params_and_buffers_to_ignore_for_model(
        model, list(flags)
    )


@functools.wraps(_collect_results_cpu)
def collect_results_cpu(
    result_part: list[Any], size: int, tmpdir: Optional[str] = None
) -> Optional[list[Any]]:
    if tmpdir is None and not torch.cuda.is_available():
        # mmcls agrees on a folder through a GPU tensor.
        folder = [tempfile.mkdtemp() if dist.get_rank() == 0 else None]
        dist.broadcast_object_list(folder)
        tmpdir = folder[0]
    return _collect_results_cpu(result_part, size, tmpdir)
