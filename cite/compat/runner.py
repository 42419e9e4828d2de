"""mmcv's ``IterBasedRunner.resume`` asks for the current CUDA device on a CPU too."""

import functools
from typing import Any, Callable, Union

import torch
from mmcv.runner import IterBasedRunner


def install() -> None:
    """Let runs on a machine without a GPU be resumed."""
    original = IterBasedRunner.resume
    if getattr(original, 'for_cpu', False):
        return

    @functools.wraps(original)
    def resume(
        self: IterBasedRunner,
        checkpoint: str,
        resume_optimizer: bool = True,
        map_location: Union[str, Callable] = 'default',
    ) -> Any:
        if map_location == 'default' and not torch.cuda.is_available():
            map_location = 'cpu'
        return original(self, checkpoint, resume_optimizer, map_location)

    resume.for_cpu = True
    IterBasedRunner.resume = resume
