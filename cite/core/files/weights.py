"""Read weights from a file: tensors and plain data, never code."""

from pathlib import Path
from typing import Any, Union

from safetensors.torch import load_file as load_safetensors

from .plain_pickle import RefusedError
from .torch_files import read_torch_file
from .trust import how_to_trust, is_trusted, load_trusted


def load_weights(path: Union[str, Path]) -> Any:
    """Load a checkpoint file onto the CPU without running anything in it.

    Reads ``.safetensors``, files of :func:`torch.save` holding tensors and plain data,
    and TorchScript archives (OpenAI's CLIP), of which the tensors are returned by name.
    A file with anything else is read only if ``CITE_TRUST`` names it (:mod:`.trust`).

    Args:
        path: the file.

    Returns:
        What the file holds: a state dict, or a dict around one.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds more than tensors and plain data.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such weights file. Correct the path; a training run leaves '
            'latest.pth in its work_dir.'
        )
    if path.suffix == '.safetensors':
        try:
            return load_safetensors(str(path))
        # A type that torch lacks is a KeyError, an odd header whatever it is.
        except Exception as error:
            raise ValueError(
                f'{path} is not a whole safetensors file: {error}'
            ) from error
    with path.open('rb') as file:
        try:
            return read_torch_file(file)
        except RefusedError as error:
            if is_trusted(path):
                return load_trusted(path)
            raise ValueError(
                f'{path} holds more than tensors and plain data and was not read '
                f'({error}). {how_to_trust(path)}'
            ) from error
        # Damage makes the parsers of zip and pickle say whatever comes to their minds.
        except Exception as error:
            raise ValueError(
                f'{path} is damaged or not a checkpoint ({_first_line(error)}). Copy '
                'or download it again.'
            ) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().split('\n')[0] or type(error).__name__
