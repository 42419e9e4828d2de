"""The manifest of a slide, by which its files count as written."""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from cite.core.files.json_file import read_json
from cite.core.files.write_whole import write_text_whole

FORMAT = 1
_FOLDER = 'manifest'


def manifest_path(out: Path, name: str) -> Path:
    """Return where the manifest of a slide is."""
    return out / _FOLDER / f'{name}.json'


def write_manifest(out: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest; from then on the slide is done."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    write_text_whole(manifest_path(out, manifest['id']), text + '\n')


def read_manifest(path: Path) -> Optional[dict[str, Any]]:
    """Return a manifest, or None if it is missing, damaged or of another format.

    A slide without one is predicted again.
    """
    try:
        manifest = read_json(path)
        return manifest if _is_manifest(manifest, path.stem) else None
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None


def _is_manifest(manifest: Any, name: str) -> bool:
    """Tell whether a manifest has what tables and pages take from it.

    Raises:
        TypeError, LookupError, AttributeError: parts are missing or of other types.
    """
    answer, classes = manifest['answer'], manifest['model']['classes']
    area = manifest['tissue'].get('area_mm2')
    shares = [answer['probabilities'][name] for name in classes]
    texts = [manifest['file'], manifest['identity'], manifest['model']['digest']]
    texts += [flag[key] for flag in manifest['flags'] for key in ('key', 'text')]
    texts += [*classes, *(answer['set'] or ())]
    numbers = [*shares, answer['tiles'], answer['missing'], manifest['slide']['mpp']]
    numbers += [] if area is None else [area]
    return (
        (manifest['format'], manifest['id']) == (FORMAT, name)
        and answer['predicted'] in classes
        and len(answer['probabilities']) == len(classes)
        and 'mpp_source' in manifest['slide']
        and all(isinstance(text, str) for text in texts)
        and all(type(n) in (int, float) and math.isfinite(n) for n in numbers)
    )


def read_manifests(out: Path) -> Iterator[dict[str, Any]]:
    """Yield the manifests of a folder of answers, sorted by the slides' ids."""
    for path in sorted((out / _FOLDER).glob('*.json')):
        manifest = read_manifest(path)
        if manifest is not None:
            yield manifest


def finished(out: Path, name: str, identity: str) -> Optional[dict[str, Any]]:
    """Return the manifest of a slide whose files are all there and unchanged.

    Args:
        out: folder of answers.
        name: the slide's id.
        identity: digest of all that its numbers depend on.

    Returns:
        The manifest, or None if the slide has to be predicted (again).
    """
    manifest = read_manifest(manifest_path(out, name))
    if manifest is None or manifest.get('identity') != identity:
        return None
    files = manifest.get('files')
    if not isinstance(files, dict):
        return None
    same = all(path_digest(out / file) == digest for file, digest in files.items())
    return manifest if same else None


def path_digest(path: Path) -> Optional[str]:
    """Return the SHA-256 of a file, or of a folder's names and sizes; None if missing.

    A viewer has thousands of pictures: names and sizes show that all were written.
    """
    sha = hashlib.sha256()
    try:
        if path.is_dir():
            for name, size in _entries(path):
                sha.update(f'{name} {size}\n'.encode())
            return sha.hexdigest()
        with open(path, 'rb') as file:
            while block := file.read(1 << 20):
                sha.update(block)
    except OSError:
        return None
    return sha.hexdigest()


def _entries(folder: Path) -> Iterator[tuple[str, int]]:
    for path, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            file = Path(path, name)
            yield file.relative_to(folder).as_posix(), file.stat().st_size
