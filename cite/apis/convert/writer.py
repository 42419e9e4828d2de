"""Write converted weights: a new file, whole or not at all."""

import os
from pathlib import Path
from typing import Optional

import torch
from safetensors.torch import save_file

from cite.core.image_stats import ImageStats

from .translation import State

SUFFIXES = ('.safetensors', '.pth', '.pt')


def check_paths(source: Path, out: Path, force: bool) -> None:
    """Refuse an output that would touch the input or another file.

    Args:
        source: the file to read, or a folder.
        out: the file to write.
        force: whether an existing file may be replaced; never the source.

    Raises:
        ValueError: ``out`` is the source under whatever name, is there already, is a
            folder, or has a suffix that says nothing about its format.
    """
    if out.suffix not in SUFFIXES:
        raise ValueError(f'{out}: the name must end in {", ".join(SUFFIXES)}.')
    # A dangling link is there, too, although it leads to nothing.
    if not os.path.lexists(out):
        return
    if out.is_dir():
        raise ValueError(f'{out} is a folder: name a file.')
    if source.exists() and out.exists() and os.path.samefile(source, out):
        raise ValueError(f'{out} is the input itself: name another file.')
    if not force:
        raise ValueError(f'{out} is there already: name another file, or add --force.')


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
        out: ``.safetensors``, or ``.pth`` and ``.pt`` for :func:`torch.save`.
        force: whether an existing file may be replaced.
        origin: kept in a safetensors file's metadata.
        stats: kept there, too.
    """
    # Copies: both formats would otherwise store views with all that they look at.
    tensors = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f'.{out.name}.{os.getpid()}.partial')
    try:
        if out.suffix == '.safetensors':
            metadata = {'format': 'pt', 'converted_from': origin}
            metadata.update(stats.metadata() if stats else {})
            save_file(tensors, str(partial), metadata)
        else:
            torch.save(tensors, str(partial))
        # safetensors lets nobody but the owner read.
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        if os.path.lexists(out) and not force:
            raise ValueError(f'{out} has come into being meanwhile: nothing written.')
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
