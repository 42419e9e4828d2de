"""mmcv (for URLs and hub names) and timm read what they fetched with ``torch.load``.

Under torch 1.13 that runs whatever a pickle says; timm asks for ``weights_only`` on
some of its ways alone. The modules named here see a ``torch`` whose ``load`` is ours,
and our download instead of torch's, which loads at once. For mmcv 1.7, timm 1.0.
"""

import importlib.util
import re
import tempfile
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlparse

import torch

from cite.core.files.weights import load_weights

_USE_TORCH_LOAD = (
    'mmcv.runner.checkpoint',
    'mmcv.utils.hub',
    'timm.models._helpers',
    'timm.models._hub',
    'timm.models.naflexvit',  # from timm 1.0.16 on
)
_USE_URLS = {
    'mmcv.runner.checkpoint': 'load_url',
    'timm.models._builder': 'load_state_dict_from_url',
}
# As torch.hub has it: name-0123abcd.pth carries the begin of its SHA-256.
_HASH = re.compile(r'-([a-f0-9]*)\.')


class SafeTorch:
    """The module ``torch`` with another ``load``."""

    load: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def load(file: Any, *_: Any, **__: Any) -> Any:
    """Do what ``torch.load`` does onto the CPU, for tensors and plain data.

    Args:
        file: a path, or a file open for reading.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds more than tensors and plain data.
    """
    if not hasattr(file, 'read'):
        return load_weights(file)
    with tempfile.NamedTemporaryFile(suffix='.pth') as copy:
        copy.write(file.read())
        copy.flush()
        return load_weights(copy.name)


def load_url(
    url: str,
    model_dir: Optional[str] = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: Optional[str] = None,
    **_: Any,
) -> Any:
    """Do what ``torch.hub.load_state_dict_from_url`` does, reading with our reader."""
    folder = Path(model_dir or Path(torch.hub.get_dir()) / 'checkpoints')
    target = folder / Path(file_name or urlparse(url).path).name
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        found = _HASH.search(target.name) if check_hash else None
        prefix = found.group(1) if found else None
        torch.hub.download_url_to_file(url, str(target), prefix, progress=progress)
    return load_weights(target)


def install() -> None:
    """Give those modules the safe functions."""
    safe = SafeTorch()
    safe.load = load
    for name in _USE_TORCH_LOAD:
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name).torch = safe  # type: ignore[attr-defined]
    for name, function in _USE_URLS.items():
        setattr(importlib.import_module(name), function, load_url)
