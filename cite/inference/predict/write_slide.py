"""Write all files of a slide, each whole, and its manifest last."""

import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch

from cite.core.files.patch_file import read_patch_file
from cite.core.files.write_whole import PARTIAL, flush
from cite.version import __version__

from .manifest import (
    FORMAT,
    manifest_path,
    path_digest,
    read_manifest,
    write_manifest,
)
from .outputs.geojson import geojson_name, write_geojson
from .outputs.maps import write_maps
from .outputs.tile_table import write_tile_csv
from .slide_result import SlideResult
from .sources import Source
from .viewer.write_viewer import write_viewer

_KINDS = ('tiles', 'geojson', 'maps', 'viewer')  # each answer has its own
_NAMED = 1000  # missing tiles that the manifest lists; the count is always whole


class SlideFolder:
    """Temporary folder for a slide's files, within the folder of answers.

    ``keep`` moves them to their places; without it they are removed.
    """

    def __init__(self, out: Path, name: str) -> None:
        self.out, self.name = out, name
        self.path = out / f'.{name}.{uuid.uuid4().hex[:8]}{PARTIAL}'

    def __enter__(self) -> 'SlideFolder':
        self.path.mkdir(parents=True)
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def place(self, kind: str, file: str) -> Path:
        """Return where to write ``{kind}/{file}``."""
        (self.path / kind).mkdir(exist_ok=True)
        return self.path / kind / file

    def keep(self) -> dict[str, str]:
        """Move the files to their places, and return their digests by path.

        Files of the answer that was there go, but for features: they are of no class,
        and say which model they are of.
        """
        digests = {}
        self._remove_others()
        manifest_path(self.out, self.name).unlink(missing_ok=True)
        for kind in sorted(self.path.iterdir()):
            (self.out / kind.name).mkdir(exist_ok=True)
            for item in sorted(kind.iterdir()):
                goal = self.out / kind.name / item.name
                digests[f'{kind.name}/{item.name}'] = path_digest(item) or ''
                _flush_all(item)
                if goal.is_dir():
                    shutil.rmtree(goal)
                os.replace(item, goal)
            flush(self.out / kind.name)
        return digests

    def _remove_others(self) -> None:
        """Remove what an earlier answer has and this one has not."""
        earlier = read_manifest(manifest_path(self.out, self.name)) or {}
        files = earlier.get('files')
        for file in files if isinstance(files, dict) else ():
            kind, _, name = file.partition('/')
            is_own = kind in _KINDS and re.fullmatch(r'[^/\\]+', name)
            if not is_own or not name.startswith(self.name):
                continue  # nothing that is written here
            if (self.path / kind / name).exists():
                continue
            if (self.out / kind / name).is_dir():
                shutil.rmtree(self.out / kind / name)
            else:
                (self.out / kind / name).unlink(missing_ok=True)


def write_slide(
    folder: SlideFolder,
    result: SlideResult,
    source: Source,
    made: Mapping[str, Any],
    viewer: bool,
) -> None:
    """Write a slide's files, then its manifest.

    Args:
        folder: where to; features may be in it.
        result: the answer.
        source: the slide's tiles.
        made: what else the manifest holds: ``model`` with its ``digest``, ``identity``,
            the digest of all that the numbers depend on, and ``seconds``.
        viewer: write the viewer's page too.

    Raises:
        ValueError: the slide's file changed meanwhile.
        OSError: a file cannot be written.
    """
    facts = source.facts()
    _write_files(folder, result, source, facts, made['model']['digest'])
    if viewer:
        _write_viewer(folder.place('viewer', result.name), result, source, facts)
    source.reader.require_unchanged()
    manifest = {
        'format': FORMAT,
        'id': result.name,
        'file': source.file,
        **facts,
        'answer': _answer(result),
        'flags': [flag._asdict() for flag in result.flags],
        'versions': versions(),
        'finished': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
        **made,
        'files': folder.keep(),
    }
    write_manifest(folder.out, manifest)


def _write_files(
    folder: SlideFolder,
    result: SlideResult,
    source: Source,
    facts: Mapping[str, Any],
    model: str,
) -> None:
    """Write the table, the objects for QuPath and the maps."""
    table, name = result.table, result.name
    write_tile_csv(folder.place('tiles', f'{name}.csv'), table)
    bounds = facts['slide']['bounds']
    write_geojson(
        folder.place('geojson', geojson_name(name, len(table.coords))),
        table,
        f'{facts["slide"]["quickhash"]} {model}',
        (bounds[0], bounds[1]) if bounds else (0, 0),
    )
    write_maps(folder.place('maps', ''), name, table, *source.thumbnail)


def _answer(result: SlideResult) -> dict[str, Any]:
    return {
        'predicted': result.predicted,
        'probabilities': dict(zip(result.classes, result.probabilities.tolist())),
        'set': result.classes_at_coverage,
        'tiles': len(result.table.coords),
        'missing': len(result.missing),
        'missing_tiles': result.missing[:_NAMED],
        'stability': result.stability,
    }


def versions() -> dict[str, str]:
    """Return the versions of what computes the numbers."""
    return {
        'cite': __version__,
        'python': platform.python_version(),
        'torch': str(torch.__version__),
        'numpy': np.__version__,
    }


def _write_viewer(
    folder: Path, result: SlideResult, source: Source, facts: Mapping[str, Any]
) -> None:
    slide, area = facts['slide'], facts['tissue'].get('area_mm2')
    at = {tuple(corner): i for i, corner in enumerate(source.coords.tolist())}

    def read(index: int) -> np.ndarray:
        tile = source.tile(at[tuple(result.table.coords[index].tolist())])
        if isinstance(tile, Path):
            return np.asarray(read_patch_file(tile).convert('RGB'))
        return tile

    lines: list[tuple[str, Optional[str]]] = [
        ('File', source.file),
        ('Tiles', f'{len(result.table.coords):,}'),
        ('Missing', f'{len(result.missing):,}' if result.missing else None),
        ('Tissue', None if area is None else f'{area:.2f} mm²'),
        ('Scale', f'{slide["mpp"]:g} µm a pixel ({slide["mpp_source"]})'),
        ('Read by', slide['reader']),
    ]
    summary = {
        'name': result.name,
        'predicted': result.predicted,
        'probabilities': result.probabilities.tolist(),
        'facts': [line for line in lines if line[1] is not None],
        'flags': [flag.text for flag in result.flags],
    }
    missing = np.array([m[:2] for m in result.missing], np.int64).reshape(-1, 2)
    write_viewer(
        folder, source.reader, result.table, source.cut.mpp, summary, read, missing
    )


def _flush_all(item: Path) -> None:
    """Wait until a file, or all files of a folder, are on the disk."""
    for path in item.rglob('*') if item.is_dir() else ():
        if path.is_file():
            flush(path)
    flush(item)
