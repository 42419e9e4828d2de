"""What the converter knows about one kind of model to write for."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Callable

import torch

from .translation import State, Translation

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Target:
    """A model class whose state dict is written.

    Args:
        name: what the user reads.
        family: of the layouts that can be written for it.
        prefixed: whether names may get a prefix such as ``backbone.``.
        rename: brings the family's names to the model's.
        shapes: names and shapes of the model whose sizes a state dict shows. Raises
            ``ValueError`` where it shows none.
        config: the backbone config for it, and sentences about what was assumed.
        file_key: of the backbone config, what names the file; ``init_cfg`` by default.
    """

    name: str
    family: str
    prefixed: bool
    rename: Callable[[State], State]
    shapes: Callable[[State], Shapes]
    config: Callable[[State, Translation], tuple[dict[str, Any], list[str]]]
    file_key: str = 'init_cfg'


def without_memory() -> AbstractContextManager[Any]:
    """Build modules without allocating their weights, where torch can (from 2.0)."""
    device = torch.device('meta')
    return device if hasattr(device, '__enter__') else nullcontext()


def shapes_of(module: torch.nn.Module) -> Shapes:
    """Return names and shapes of a module's state dict."""
    return {name: tuple(t.shape) for name, t in module.state_dict().items()}
