"""Several ranks on CPUs too, and on torch 2.1 and later.

mmcv 1.7 asks for a GPU before it joins the ranks, and its ``MMDistributedDataParallel``
uses attributes that torch 2.1 removed. mmcls 0.25.0 refuses to wrap a model on a CPU
and agrees on a folder for results through a GPU tensor.
"""

import os
import os.path as osp
import subprocess
import tempfile
import uuid
from typing import Any, Optional

import mmcls.utils
import mmcv.runner
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmcv.parallel import MMDistributedDataParallel as _MMDistributedDataParallel
from mmcv.parallel.scatter_gather import scatter_kwargs
from torch import nn

_init_dist = mmcv.runner.init_dist
_wrap_distributed_model = mmcls.utils.wrap_distributed_model


def init_dist(launcher: str, backend: str = 'nccl', **kwargs: Any) -> None:
    """Join the ranks as mmcv does, with gloo where there is no GPU.

    Args:
        launcher: ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        backend: used where there is a GPU.
        **kwargs: ``port`` for slurm, and arguments of ``init_process_group``.
    """
    if torch.cuda.is_available() or launcher not in ('pytorch', 'slurm'):
        _init_dist(launcher, backend, **kwargs)
        return
    if mp.get_start_method(allow_none=True) is None:
        mp.set_start_method('spawn')
    if launcher == 'slurm':
        _describe_slurm(kwargs.pop('port', None))
    dist.init_process_group(backend='gloo', **kwargs)


def _describe_slurm(port: Optional[int]) -> None:
    """Set torch's variables from slurm's."""
    environ = os.environ
    if 'MASTER_ADDR' not in environ:
        command = ['scontrol', 'show', 'hostnames', environ['SLURM_NODELIST']]
        environ['MASTER_ADDR'] = subprocess.check_output(command, text=True).split()[0]
    # The same port for all tasks, and another one for another job on the machine.
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


def wrap_distributed_model(
    model: nn.Module, device: str = 'cuda', *args: Any, **kwargs: Any
) -> nn.Module:
    """Wrap a model for several ranks, on GPUs or CPUs.

    Args:
        model: model of this rank.
        device: ``'cuda'``, ``'cpu'``, or another one that mmcls knows.
        *args, **kwargs: arguments of ``MMDistributedDataParallel``.
    """
    if device == 'cuda':
        kwargs['device_ids'] = [torch.cuda.current_device()]
    elif device == 'cpu':
        _share_flags(model)
    else:
        return _wrap_distributed_model(model, device, *args, **kwargs)
    return MMDistributedDataParallel(model.to(device), *args, **kwargs)


def _share_flags(model: nn.Module) -> None:
    """Share the first rank's boolean buffers, since torch 1.13's gloo has no bool."""
    flags = {n: b for n, b in model.named_buffers() if b.dtype == torch.bool}
    for flag in flags.values():
        number = flag.to(torch.uint8)
        dist.broadcast(number, src=0)
        flag.copy_(number)
    MMDistributedDataParallel._set_params_and_buffers_to_ignore_for_model(
        model, list(flags)
    )


def shared_name() -> str:
    """Return the path of a folder, not there yet, that all ranks of a machine know."""
    name = [osp.join(tempfile.gettempdir(), f'cite-results-{uuid.uuid4().hex}')]
    dist.broadcast_object_list(name)
    return name[0]
