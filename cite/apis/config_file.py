"""The config that a command is given."""

from difflib import get_close_matches
from pathlib import Path
from typing import Union


def find_config(path: Union[str, Path]) -> Path:
    """Return the path of a config if the file is there.

    ``mim`` runs mmcls' own config of the name where there is none; our commands stop.

    Raises:
        FileNotFoundError: there is no such file; the message names those like it.
    """
    path = Path(path)
    if path.is_file():
        return path
    files = sorted(Path('configs').rglob('*.py'))
    there = [str(file) for file in files if '_base_' not in file.parts]  # those run
    near = get_close_matches(str(path), there, n=3, cutoff=0.4)
    meant = f'Is it {" or ".join(near)}?' if near else 'Configs are in configs/.'
    raise FileNotFoundError(f'{path}: no such config file. {meant}')
