"""The folder of patches: which files belong to which slide."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Union

from cite.core.files.patch_file import SUFFIXES
from cite.core.messages import shorten

from .annotations import bag_of, filename_fault, read_annotations

_ANY_LABEL = 10**9  # labels are not taken from these files


class PatchFolder(NamedTuple):
    """Contents of a folder of patches."""

    slides: dict[str, list[str]]  # slide id -> names of its patches, both sorted
    ignored: list[str]  # other entries


def list_patches(folder: Union[str, Path]) -> PatchFolder:
    """Sort the images of a folder by slide.

    Hidden files, folders, and files without an image's suffix are ignored.

    Args:
        folder: ``patches_captions``, with the images directly in it.

    Raises:
        FileNotFoundError: the folder is missing or has no image.
        ValueError: the name of an image cannot be in an annotation file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f'{folder}: no such folder. Unzip patches_captions.zip beside captions.csv '
            '(data/README.md).'
        )
    images, ignored = _images(folder)
    if not images:
        contents = shorten(ignored) if ignored else 'nothing'
        raise FileNotFoundError(
            f'{folder}: no images directly in this folder, but {contents}. Unzip '
            'patches_captions.zip again, or move the images here.'
        )
    slides: dict[str, list[str]] = {}
    for name in images:
        fault = filename_fault(name)
        if fault:
            raise ValueError(
                f'{folder / name}: the name of this patch {fault}. '
                'Rename the file, or delete it if it is a copy.'
            )
        slides.setdefault(bag_of(name), []).append(name)
    return PatchFolder(slides, ignored)


def list_feature_rows(prefixes: Sequence[Union[str, Path]]) -> PatchFolder:
    """Sort the rows of files of ``cite import-features`` by slide.

    A row is called ``{slide}_…``, and no slide's id has a ``_``.

    Args:
        prefixes: the files without their ends; ``{prefix}.txt`` names the rows.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a faulty line.
    """
    slides: dict[str, list[str]] = {}
    for prefix in prefixes:
        path = Path(f'{Path(prefix).expanduser()}.txt')
        for name, _ in read_annotations(path, _ANY_LABEL):
            slides.setdefault(name.partition('_')[0], []).append(name)
    return PatchFolder({slide: sorted(slides[slide]) for slide in sorted(slides)}, [])


def _images(folder: Path) -> tuple[list[str], list[str]]:
    images, ignored = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            is_image = entry.name.lower().endswith(SUFFIXES)
            if not is_image or entry.name.startswith('.') or entry.is_dir():
                ignored.append(entry.name)
            else:
                images.append(entry.name)
    return sorted(images), sorted(ignored)
