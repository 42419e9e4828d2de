"""What a run depends on: its config as read, and the files that the config names."""

import functools
import glob
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cite.datasets.tables.slide_rule import table_of
from cite.models.hub import weight_files

from .config_file import read_config

# Keys whose value may be the bare name of a folder or file here, such as `bert`. Under
# others a word is a word, although a folder may be called `model`, `folder` or `train`.
_NAME_FILES = (
    *('model', 'model_name', 'arch', 'checkpoint', 'weights', 'load_from'),
    *('data_prefix', 'ann_file', 'texts', 'classes', 'file'),
    *('feature_file', 'text_feature_file', 'packed_file'),
)


def run_identity(config: str, environment: Mapping[str, str]) -> str:
    """Digest a config and the contents of the files that it names.

    A folder counts by the names and sizes of its files and the contents of a language
    model's weights; a name that is not a path (a model of the hub), or a keyword that
    happens to be a folder's name, counts as text. The code does not count.

    Args:
        config: path of the config.
        environment: environment variables to read it with, such as ``SPLIT``.

    Returns:
        64 hexadecimal digits.
    """
    settings = read_config(config, variables=environment)._cfg_dict.to_dict()
    return settings_identity(settings)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, read again when its size or time changes."""
    stat = path.stat()
    return _digest(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _digest(path: str, size: int, time: int) -> str:
    sha = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def path_contents(path: Path) -> Any:
    """Return the digest of a file, or of a folder names, sizes and weights' digests."""
    if path.is_file():
        return file_digest(path)
    with os.scandir(path) as entries:
        files = sorted((e.name, e.stat().st_size) for e in entries if e.is_file())
    return [files, [file_digest(weights) for weights in weight_files(path)]]


def settings_identity(
    settings: dict[str, Any], contents: Callable[[Path], Any] = path_contents
) -> str:
    """Digest settings as read, and the contents of the files that they name.

    Args:
        settings: content of a config.
        contents: :func:`path_contents`, or a cached version of it for many settings
            that name the same folders.

    Returns:
        64 hexadecimal digits.
    """
    # Where a run writes changes no number; imports name packages, not folders here.
    unused = ('work_dir', 'custom_imports')
    settings = {key: item for key, item in settings.items() if key not in unused}
    paths = sorted({path for text in _strings(settings) for path in _paths(text)})
    facts = [settings, {path: contents(Path(path)) for path in paths}]
    return hashlib.sha256(json.dumps(facts, default=repr).encode()).hexdigest()


def _paths(text: str) -> list[str]:
    """Return the paths that a text names: one, or the draws of a feature file."""
    text = os.path.expanduser(table_of(text) or text)
    if os.path.exists(text):
        return [text]
    return glob.glob(f'{glob.escape(text)}_[0-9]*.npy')


def _strings(value: Any, key: str = '') -> Iterator[str]:
    """Yield the texts in nested dicts and lists that could be paths."""
    if isinstance(value, str):
        is_word = not {'.', '~', os.sep, ':'} & {*value}
        is_text = not value.strip() or '\n' in value or '\0' in value
        if not is_text and (key in _NAME_FILES or not is_word):
            yield os.path.expanduser(value)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _strings(item, name)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item, key)
