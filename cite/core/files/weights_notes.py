"""What a safetensors file says about itself beside its tensors."""

from pathlib import Path
from typing import Union

from safetensors import SafetensorError, safe_open

ORIGIN = 'converted_from'  # layout that `cite convert` read
OPTIONS = 'model_options'  # arguments of the backbone that the weights need, JSON


def read_notes(path: Union[str, Path, None]) -> dict[str, str]:
    """Return the metadata of a safetensors file; empty for any other file.

    A file that cannot be read gives nothing: what loads it says what is wrong with it.
    """
    file = Path(path or '').expanduser()
    if file.suffix != '.safetensors' or not file.is_file():
        return {}
    try:
        with safe_open(str(file), 'pt') as tensors:
            return dict(tensors.metadata() or {})
    except SafetensorError:
        return {}
