"""Write converted weights: a new file, whole or not at all."""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Optional

import torch
from safetensors import SafetensorError

from cite.core.files.lock import only_one
from cite.core.files.save_torch import save_safetensors, save_torch
from cite.core.files.weights import OPTIONS, ORIGIN
from cite.core.files.write_whole import write_whole
from cite.core.image_stats import ImageStats
from cite.core.messages import first_line

from .layout import State

SUFFIXES = ('.safetensors', '.pth', '.pt')


def check_paths(source: Path, out: Path, force: bool) -> None:
    """Refuse an output that would touch the input or another file.

    Args:
        source: file to read, or a folder.
        out: file to write.
        force: whether an existing file may be replaced; the source never is.

    Raises:
        ValueError: ``out`` is the source under any name, exists already, is a folder,
            or has an unknown suffix.
    """
    if out.suffix not in SUFFIXES:
        raise ValueError(f'{out}: the name must end in {", ".join(SUFFIXES)}.')
    # A dangling link exists as well, although it leads nowhere.
    if not os.path.lexists(out):
        return
    if out.is_dir():
        raise ValueError(f'{out} is a folder: name a file.')
    if source.exists() and out.exists() and os.path.samefile(source, out):
        raise ValueError(f'{out} is the input itself: name another file.')
    if not force:
        raise ValueError(f'{out} exists already: name another file, or add --force.')


def write_weights(
    state: State,
    out: Path,
    force: bool,
    origin: str,
    stats: Optional[ImageStats] = None,
    options: Optional[dict[str, Any]] = None,
) -> None:
    """Write a state dict so that ``out`` is never seen half written.

    Args:
        state: tensors by name.
        out: file to write: ``.safetensors``, or ``.pth`` and ``.pt`` for
            :func:`torch.save`.
        force: whether an existing file may be replaced.
        origin: name of the source's layout, for a safetensors file's metadata.
        stats: normalisation of the images, for the same metadata.
        options: arguments of the backbone that the weights need, for the same.

    Raises:
        ValueError: ``out`` exists and may not be replaced.
        OSError: the file cannot be written, because the disk is full for example.
    """
    # Copies, because a view would be stored with the whole tensor that it is part of.
    tensors = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
    }
    metadata = {'format': 'pt', ORIGIN: origin}
    metadata.update(stats.metadata() if stats else {})
    if options is not None:
        metadata[OPTIONS] = json.dumps(options)
    try:
        with only_one(out, 'writing', 'Wait for it.'), write_whole(out) as partial:
            _write(tensors, partial, out.suffix, metadata)
            if os.path.lexists(out) and not force:
                raise ValueError(f'{out} was created meanwhile: nothing written.')
    # Each library has its own for a disk that is full or a folder that is closed.
    except (OSError, RuntimeError, SafetensorError) as error:
        raise _unwritten(out, tensors, error) from error


def _write(
    tensors: State, partial: Path, suffix: str, metadata: dict[str, str]
) -> None:
    if suffix == '.safetensors':
        save_safetensors(tensors, partial, metadata)
    else:
        save_torch(tensors, partial)


def _unwritten(out: Path, tensors: State, error: Exception) -> OSError:
    """Return the error for a file that could not be written."""
    needed = sum(t.numel() * t.element_size() for t in tensors.values())
    try:
        free = f'{shutil.disk_usage(out.parent).free / 1e6:.1f} MB are free there'
    except OSError:
        free = 'how much is free there is not known'
    return OSError(
        f'{out} could not be written: {first_line(error)}. It takes '
        f'{needed / 1e6:.1f} MB, and {free}. Nothing was left of it, and a file that '
        'was there before is unchanged. Free some space, or name another folder.'
    )
