"""mmcv (for URLs and hub names) and timm read what they fetched with ``torch.load``.

Under torch 1.13 that runs the code that a pickle contains; timm asks for
``weights_only`` in some places only. Modules that :mod:`.doors` lists see a ``torch``
whose ``load`` is ours, and our download in place of torch's, which also loads.
"""

import re
import tempfile
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlparse

import torch
from mmcv.runner import checkpoint as hub
from mmcv.runner import get_dist_info

from cite.core.files.weights import load_weights

# torch.hub's rule: name-0123abcd.pth contains the first digits of its SHA-256.
_HASH = re.compile(r'-([a-f0-9]*)\.')


def load(file: Any, *_: Any, **__: Any) -> Any:
    """Do what ``torch.load`` does onto the CPU, for tensors and plain data.

    Args:
        file: a path, or a file open for reading.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: the file is damaged, or holds more than tensors and plain data.
    """
    if not hasattr(file, 'read'):
        return load_weights(file)
    with tempfile.NamedTemporaryFile(suffix='.pth') as copy:
        copy.write(file.read())
        copy.flush()
        return load_weights(copy.name)


class SafeTorch:
    """The module ``torch`` with another ``load``."""

    load = staticmethod(load)

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


SAFE_TORCH = SafeTorch()


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
        match = _HASH.search(target.name) if check_hash else None
        prefix = match.group(1) if match else None
        torch.hub.download_url_to_file(url, str(target), prefix, progress=progress)
    return load_weights(target)


def load_from_http(
    filename: str, map_location: Any = None, model_dir: Optional[str] = None
) -> Any:
    """Read the checkpoint at a URL, as mmcv does: the first rank fetches it."""
    rank, ranks = get_dist_info()
    checkpoint = load_url(filename, model_dir) if rank == 0 else None
    if ranks > 1:
        torch.distributed.barrier()
        checkpoint = load_url(filename, model_dir) if rank > 0 else checkpoint
    return checkpoint


# What stands before a name, and mmcv's function that lists the URLs by name.
HUBS = {
    'torchvision://': 'get_torchvision_models',
    'modelzoo://': 'get_torchvision_models',
    'open-mmlab://': 'get_external_models',
    'openmmlab://': 'get_external_models',
    'mmcls://': 'get_mmcls_models',
}


def load_from_hub(filename: str, map_location: Any = None) -> Any:
    """Read a checkpoint by its name in one of mmcv's lists, such as ``mmcls://vgg11``.

    Raises:
        ValueError: the name is unknown.
    """
    scheme, _, name = filename.partition('://')
    scheme += '://'
    if HUBS[scheme] == 'get_torchvision_models':
        name = name.lower().replace('_weights', '')  # ResNet50_Weights.IMAGENET1K_V1
    urls = getattr(hub, HUBS[scheme])()
    name = hub.get_deprecated_model_names().get(name, name)
    if name not in urls:
        raise ValueError(f'{filename}: mmcv knows no model of this name.')
    url = urls[name]
    if not url.startswith(('http://', 'https://')):
        return load(Path(hub._get_mmcv_home()) / url)
    checkpoint = load_from_http(url)
    if scheme == 'mmcls://':
        return hub._process_mmcls_checkpoint(checkpoint)
    return checkpoint
