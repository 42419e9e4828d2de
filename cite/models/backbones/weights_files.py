"""Fill a model from a file of weights, or say why not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Union

from torch import Tensor, nn

from cite.core.files.weights import load_weights

Checkpoint = Union[str, Path]
# Keys under which published files nest their tensors.
WRAPPERS = ('state_dict', 'model')


def fill_model(
    model: nn.Module, checkpoint: Checkpoint, unused: Sequence[str] = ()
) -> None:
    """Load a file's weights into a model; the precision they are stored in is kept.

    Args:
        model: takes the weights.
        checkpoint: path of the file.
        unused: beginnings of names whose weights do not matter.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: keys or shapes differ in more than what is unused.
    """
    path = Path(checkpoint).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f'{checkpoint}: no such weights file. docs/MODEL_ZOO.md says where a '
            "model's weights are, whether access must be asked for, and the command "
            '(tools/convert_model.py) that writes this file from them.'
        )
    state = load_weights(path)
    for key in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise ValueError(f'{checkpoint} holds a {type(state).__name__}, no state dict.')
    state = {k: v for k, v in state.items() if not k.startswith(tuple(unused))}
    own = model.state_dict()
    problems = differences(own, state, unused)
    if problems:
        raise ValueError(
            f'{checkpoint} does not fit the model: {"; ".join(problems)}. It is of '
            'another architecture or size, or under other names; if the latter: '
            f'python tools/convert_model.py {checkpoint} OUT.safetensors, and name OUT.'
        )
    model.load_state_dict(state, strict=False)


def differences(
    own: dict[str, Tensor], state: dict[str, Tensor], unused: Sequence[str] = ()
) -> list[str]:
    """Say which names and shapes a model and a state dict do not share."""
    needed = [k for k in own if not k.startswith(tuple(unused))]
    missing = [k for k in needed if k not in state]
    unexpected = [k for k in state if k not in own]
    shapes = [
        f'{k} is {tuple(state[k].shape)} there, {tuple(own[k].shape)} here'
        for k in own
        if k in state and own[k].shape != state[k].shape
    ]
    found = (('missing', missing), ('unexpected', unexpected), ('other shape', shapes))
    return [f'{kind}: {_some(names)}' for kind, names in found if names]


def _some(names: list[str]) -> str:
    more = f' and {len(names) - 5} more' if len(names) > 5 else ''
    return ', '.join(names[:5]) + more
