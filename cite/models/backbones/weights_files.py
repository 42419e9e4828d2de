"""Fill a model with weights, or explain why they do not fit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Union

from torch import Tensor, nn

from cite.core.files.elsewhere import looked_at, root_of
from cite.core.files.weights import load_weights
from cite.core.messages import shorten

# Keys under which published files nest their tensors.
WRAPPERS = ('state_dict', 'model')
_WHERE = (
    " docs/MODEL_ZOO.md states where a model's weights are, whether access must be "
    'asked for, and the command (`cite convert`) that writes this file from them.'
)


def fill_model(
    model: nn.Module, checkpoint: Union[str, Path], unused: Sequence[str] = ()
) -> None:
    """Load a file's weights into a model.

    Args:
        model: the model to fill; its own precision stays.
        checkpoint: path of the file.
        unused: beginnings of names whose weights do not matter.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: keys or shapes differ in more than what is unused.
    """
    path = Path(checkpoint).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f'{checkpoint}: no such weights file.{looked_at(path)}'
            + ('' if root_of(path) else _WHERE)
        )
    state = load_weights(path)
    for key in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise ValueError(
            f'{checkpoint} holds a {type(state).__name__}, not a state dict.'
        )
    state = {k: v for k, v in state.items() if not k.startswith(tuple(unused))}
    problems = differences(model.state_dict(), state, unused)
    if problems:
        raise ValueError(
            f'{checkpoint} does not fit the model: {"; ".join(problems)}. It has '
            'another architecture or size, or other names; if only the names differ: '
            f'cite convert {checkpoint} OUT.safetensors, then use OUT.safetensors.'
        )
    model.load_state_dict(state, strict=False)


def load_exactly(module: nn.Module, state: dict[str, Tensor], refusal: str) -> None:
    """Copy a state dict into a module; every name and shape must match.

    Raises:
        ValueError: ``refusal``, followed by the differences.
    """
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        _, *lines = (line.strip() for line in str(error).split('\n'))
        raise ValueError(f'{refusal} {" ".join(lines)[:400]}') from error


def differences(
    model_state: dict[str, Tensor], state: dict[str, Tensor], unused: Sequence[str] = ()
) -> list[str]:
    """Name the weights, and the shapes, that differ between a model and a state dict.

    Args:
        model_state: state dict of the model.
        state: state dict of a file.
        unused: beginnings of names whose weights the file may lack.
    """
    skipped = tuple(unused)
    missing_keys = [
        k for k in model_state if k not in state and not k.startswith(skipped)
    ]
    unexpected_keys = [k for k in state if k not in model_state]
    shapes = [
        f'{k} is {tuple(state[k].shape)} in the file, {tuple(weight.shape)} here'
        for k, weight in model_state.items()
        if k in state and weight.shape != state[k].shape
    ]
    kinds = ('missing', 'unexpected', 'other shape')
    names_by_kind = zip(kinds, (missing_keys, unexpected_keys, shapes))
    return [f'{kind}: {shorten(names, 5)}' for kind, names in names_by_kind if names]
