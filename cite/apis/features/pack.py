"""All patches decoded and resized once, for all later evaluations and first passes."""

import json
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from mmcls.datasets import build_dataset
from mmcv import Config
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from cite.apis.config_file import read_config
from cite.core.files.lock import only_one
from cite.core.files.write_whole import PARTIAL, naming, write_text_whole
from cite.core.resize import Scratch
from cite.core.workers import fitting_workers, start_method
from cite.datasets.pipelines.pixels import load_planes
from cite.datasets.storage.pack import (
    VERSION,
    PackedPatches,
    header,
    names_digest,
    note_of,
    read_pack_note,
)
from cite.datasets.storage.patch_cache import fast_step
from cite.datasets.tables.patches import list_patches
from cite.models.image_stats import settle_images

BLOCK = 128  # patches between two points from which packing can resume


def pack(
    config: Union[str, Path],
    out: Union[str, Path],
    split: str = 'train',
    ann: bool = False,
    workers: int = 4,
    force: bool = False,
    options: Optional[dict[str, Any]] = None,
) -> Path:
    """Pack the patches of a config's data, resized as its pipeline resizes them.

    Rows that an interrupted call has finished are checked and kept. ``out`` appears
    when all rows are on the disk.

    Args:
        config: path of the config, for its data set and pipeline.
        out: file to write, ``.npy``; a ``.json`` is written beside it.
        split: part of ``cfg.data`` whose folder and pipeline are used.
        ann: whether to pack the patches of its annotation file alone, instead of the
            whole folder.
        workers: number of processes that read.
        force: whether to replace an existing file.
        options: overrides of the config, as with ``--cfg-options``.

    Returns:
        The path ``out``.

    Raises:
        ValueError: the pipeline is not the fast one, a patch cannot be read, ``out``
            exists and was packed in another way, or another process is packing it.
        FileNotFoundError: the config, the folder or a patch does not exist.
        OSError: the disk is too full.
    """
    out = Path(out).expanduser()
    if out.suffix != '.npy':
        raise ValueError(
            f'{out}: a packed file is an array: its name must end in .npy.'
        )
    patches = _patches(read_config(config, options), split, ann)
    out.parent.mkdir(parents=True, exist_ok=True)
    with only_one(out, 'packing', 'Name another --out, or wait for it.'):
        if force:
            for path in (note_of(out), out):
                path.unlink(missing_ok=True)
        with naming(out):
            _write(out, patches, workers)
    return out


def verify(path: Union[str, Path]) -> int:
    """Compare a packed file with its checksums; return the number of patches.

    Raises:
        ValueError: a row differs.
        FileNotFoundError: the file does not exist.
    """
    path = Path(path).expanduser()
    note = read_pack_note(path)
    names = note['names']
    packed = PackedPatches(path, names, note['size'], note['interpolation'])
    for index, name in enumerate(tqdm(names, path.name, unit='patch')):
        packed.fetch({'cache_index': index, 'img_info': {'filename': name}})
    return len(names)


class _Patches(Dataset):
    """Decoded and resized patches; an error is returned as an item, not raised."""

    def __init__(
        self, folder: Path, names: list[str], size: int, interpolation: str
    ) -> None:
        self.folder, self.names = folder, names
        self.size, self.interpolation = size, interpolation
        self._scratch = Scratch()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Any:
        results = {'img_info': {'filename': str(self.folder / self.names[index])}}
        try:
            planes = load_planes(results, self.size, self.interpolation, self._scratch)
        except (OSError, ValueError) as error:
            return error
        return torch.from_numpy(planes)


def _patches(cfg: Config, split: str, ann: bool) -> _Patches:
    """Return the patches of a data set's annotation file, or of its whole folder."""
    data = {**cfg.data[split], 'cache': 'off', 'packed': None}
    dataset = build_dataset(data, {'test_mode': True})
    settle_images(dataset, cfg.get('model') or {})
    step = fast_step(dataset.pipeline.transforms)
    if step is None:
        raise ValueError(
            'a packed file needs a pipeline of PatchGastricPipeline with '
            "backend='fast'."
        )
    folder = Path(dataset.data_prefix or '')
    if ann:
        names = sorted({*dataset.filenames()})
    else:
        slides = list_patches(folder, dataset.slide_rule).slides
        names = sorted(name for files in slides.values() for name in files)
    return _Patches(folder, names, step.size, step.interpolation)


def _write(out: Path, patches: _Patches, workers: int) -> None:
    """Write the file and its note, unless they are there and hold these patches."""
    note = {
        'version': VERSION,
        'size': patches.size,
        'interpolation': patches.interpolation,
        'names_digest': names_digest(patches.names),
    }
    if out.is_file() and note_of(out).is_file():
        _agree(out, note)
        _journal(out).unlink(missing_ok=True)  # killed after the note was written
        return
    _check_room(out, len(patches) * 3 * patches.size**2)
    checksums = _write_rows(out, patches, note, workers)
    note.update(names=patches.names, crc32=checksums)
    write_text_whole(note_of(out), json.dumps(note) + '\n')
    _journal(out).unlink()


def _agree(out: Path, note: dict[str, Any]) -> None:
    """Refuse an existing file that was packed in another way or has another length."""
    old = read_pack_note(out)
    differing = [key for key, value in note.items() if old.get(key) != value]
    if differing:
        raise ValueError(
            f'{out} is there, with another {", ".join(differing)}. Name another --out, '
            'or replace it with --force.'
        )
    # Checks the length of the file; --verify reads the rows.
    PackedPatches(out, old['names'], old['size'], old['interpolation'])


def _check_room(out: Path, size: int) -> None:
    partial = _partial(out)
    written = partial.stat().st_size if partial.is_file() else 0
    free = shutil.disk_usage(out.parent).free
    if size - written > free:
        raise OSError(
            f'{out.parent}: {size / 1e6:,.1f} MB are needed and {free / 1e6:,.1f} MB '
            'are free. Name another --out.'
        )


def _partial(out: Path) -> Path:
    return out.with_name(out.name + PARTIAL)


def _journal(out: Path) -> Path:
    return out.with_name(out.name + '.journal')


def _write_rows(
    out: Path, patches: _Patches, note: dict[str, Any], workers: int
) -> list[int]:
    """Write all rows and rename the file; return the rows' checksums."""
    start = header((len(patches), 3, patches.size, patches.size))
    row = 3 * patches.size**2
    done = _finished(out, start, row, note)
    with _partial(out).open('r+b') as file, _journal(out).open('a') as journal:
        file.truncate(len(start) + len(done) * row)
        file.seek(0, os.SEEK_END)
        bar = tqdm(total=len(patches), desc=out.name, unit='patch', initial=len(done))
        for block in _blocks(patches, len(done), workers):
            file.write(block.tobytes())
            file.flush()
            os.fsync(file.fileno())  # before the journal lists them
            checksums = [zlib.crc32(planes) for planes in block]
            journal.write(' '.join(map(str, checksums)) + '\n')
            journal.flush()
            done += checksums
            bar.update(len(block))
        bar.close()
    os.replace(_partial(out), out)
    return done


def _finished(out: Path, start: bytes, row: int, note: dict[str, Any]) -> list[int]:
    """Return the checksums of the rows that an interrupted call has left intact."""
    journal, partial = _journal(out), _partial(out)
    if not partial.is_file() and out.is_file():
        os.replace(out, partial)  # killed before the note was written
    first = json.dumps(note) + '\n'
    text = journal.read_bytes().decode('utf-8', 'replace') if journal.is_file() else ''
    lines = text.splitlines(True)
    if not partial.is_file() or lines[:1] != [first]:
        partial.write_bytes(start)
        journal.write_text(first)
        return []
    kept: list[int] = []
    with partial.open('rb') as file:
        file.seek(len(start))
        for number, line in enumerate(lines[1:], 1):
            whole = line.endswith('\n') and line.replace(' ', '').strip().isdecimal()
            checksums = [int(word[:10]) for word in line.split()] if whole else []
            on_disk = [zlib.crc32(file.read(row)) for _ in checksums]
            if not checksums or on_disk != checksums:
                lines = lines[:number]
                break
            kept += checksums
    write_text_whole(journal, ''.join(lines))
    return kept


def _blocks(patches: _Patches, first: int, workers: int) -> Iterator[np.ndarray]:
    """Yield blocks of rows from the row ``first`` on, (n, 3, size, size)."""
    workers = fitting_workers(workers, BLOCK * 3 * patches.size**2)
    loader = DataLoader(
        patches,
        batch_size=BLOCK,
        sampler=range(first, len(patches)),
        num_workers=workers,
        multiprocessing_context=start_method(workers),
        collate_fn=_stack,
    )
    for block in loader:
        if isinstance(block, Exception):
            raise block
        yield block.numpy()


def _stack(items: list[Any]) -> Any:
    errors = [item for item in items if isinstance(item, Exception)]
    return errors[0] if errors else torch.stack(items)
