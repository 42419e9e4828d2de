"""Write converted weights: a new file, whole or not at all."""

import os
from pathlib import Path
from typing import Optional

import torch
from safetensors.torch import save_file

from cite.core.files.lock import only_one
from cite.core.files.write_whole import write_whole
from cite.core.image_stats import ImageStats

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
) -> None:
    """Write a state dict so that ``out`` is never seen half written.

    Args:
        state: tensors by name.
        out: file to write: ``.safetensors``, or ``.pth`` and ``.pt`` for
            :func:`torch.save`.
        force: whether an existing file may be replaced.
        origin: name of the source's layout, for a safetensors file's metadata.
        stats: normalisation of the images, for the same metadata.

    Raises:
        ValueError: ``out`` exists and may not be replaced.
        OSError: the file cannot be written.
    """
    # Copies, because a view would be stored with the whole tensor that it is part of.
    tensors = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
    }
    with only_one(out, 'writing', 'Wait for it.'), write_whole(out) as partial:
        if out.suffix == '.safetensors':
            metadata = {'format': 'pt', 'converted_from': origin}
            metadata.update(stats.metadata() if stats else {})
            partial.touch()
            usual_mode = partial.stat().st_mode
            save_file(tensors, str(partial), metadata)
            partial.chmod(usual_mode)  # safetensors may let only the owner read
        else:
            torch.save(tensors, str(partial))
        if os.path.lexists(out) and not force:
            raise ValueError(f'{out} was created meanwhile: nothing written.')
