"""A published checkpoint, as read from disk."""

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Optional, Union

import torch

from cite.core.files import numpy_files
from cite.core.files.elsewhere import looked_at
from cite.core.files.json_file import read_json
from cite.core.files.weights import load_weights
from cite.core.hub_images import stats_of_configs
from cite.core.image_stats import ImageStats
from cite.models.hub import HUB_FILES, read_weights, weight_files

HUB_CONFIGS = ('config.json', 'open_clip_config.json', 'preprocessor_config.json')


@dataclass(frozen=True)
class Checkpoint:
    """The content of a weights file and of the config files beside it.

    Args:
        path: path of the weights file.
        content: tensors by name, possibly inside further dicts.
        config: content of the hub's config files beside it, merged; empty without any.
    """

    path: Path
    content: dict[str, Any]
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, source: Union[str, Path]) -> 'Checkpoint':
        """Read a file, or the weights in a folder of the hub's layout.

        Raises:
            FileNotFoundError: the file does not exist, or the folder has no weights.
            ValueError: the file is damaged or holds more than tensors and plain data.
        """
        path = find_weights(source)
        if path.name in HUB_FILES or not Path(source).is_dir():
            content = read_npz(path) if path.suffix == '.npz' else load_weights(path)
        else:
            content = read_weights(Path(source))  # in several files
        if not isinstance(content, dict):
            raise ValueError(
                f'{path} holds a {type(content).__name__}, not tensors by name.'
            )
        is_hubs = path.name in HUB_FILES or Path(source).is_dir()
        return cls(path, content, _read_configs(path) if is_hubs else {})

    @property
    def stats(self) -> Optional[ImageStats]:
        """How the hub's configs prepare images; None if they do not say it."""
        return stats_of_configs(self.config, self.path.parent)

    def first_names(self, limit: int = 5) -> list[str]:
        """Return some names for messages, each dict with the first name in it."""
        names = [
            f'{key}/{next(iter(value))}' if isinstance(value, dict) and value else key
            for key, value in islice(self.content.items(), limit)
        ]
        return [*names, '…'] if len(self.content) > limit else names


def find_weights(source: Union[str, Path]) -> Path:
    """Return the weights file of a path: itself, or the (first) file in a folder."""
    path = Path(source)
    if not path.is_dir():
        return path
    for name in HUB_FILES:
        if (path / name).is_file():
            return path / name
    parts = weight_files(path)
    if parts:
        return parts[0]
    raise FileNotFoundError(
        f'{path} is a folder without any of {", ".join(HUB_FILES)}: name the file.'
    )


def folder_note(source: Union[str, Path]) -> list[str]:
    """Tell which file of a folder was read if it has transformers' and open_clip's.

    They hold one model, but its code may differ: QuiltNet's authors load open_clip's
    file, whose config implies plain GELU, and transformers' config says QuickGELU.
    """
    folder = Path(source)
    names = [name for name in HUB_FILES if (folder / name).is_file()]
    other = [name for name in names if name.startswith('open_clip')]
    read = names[0] if names else ''
    if not other or read in other:
        return []
    config = _read_configs(folder / read).get('model_cfg')
    gelu = isinstance(config, dict) and not config.get('quick_gelu', False)
    activation = (
        ' open_clip_config.json implies plain GELU, so open_clip computes other '
        "features than these, which are transformers'."
        if gelu
        else ''
    )
    return [
        f'{folder} has two files of the model, {read} (transformers) and {other[0]} '
        f'(open_clip); {read} was read.{activation} To read the other, name the file: '
        f'{folder / other[0]}.'
    ]


def read_npz(path: Path) -> dict[str, torch.Tensor]:
    """Read the arrays of an ``.npz``, never its pickles."""
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such weights file.{looked_at(path)}')
    arrays = numpy_files.read_npz(path)
    try:
        return {name: torch.from_numpy(array) for name, array in arrays.items()}
    except TypeError as error:  # a type that torch lacks
        raise ValueError(f'{path} is not an npz of plain arrays: {error}') from error


def _read_configs(path: Path) -> dict[str, Any]:
    """Read the configs beside a file of a hub's folder."""
    merged: dict[str, Any] = {}
    for name in HUB_CONFIGS:
        file = path.with_name(name)
        if file.is_file():
            content = read_json(file)
            if not isinstance(content, dict):
                raise ValueError(f'{file} is not a JSON object.')
            merged.update(content)
    return merged
