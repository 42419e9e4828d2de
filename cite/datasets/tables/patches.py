"""The folder of patches: which files belong to which slide."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Union

from cite.core.files.elsewhere import looked_at
from cite.core.files.patch_file import FORMATS, SUFFIXES
from cite.core.messages import shorten

from .annotations import filename_fault, read_annotations
from .slide_rule import PREFIX, SlideRule

_ANY_LABEL = 10**9  # labels are not taken from these files


class PatchFolder(NamedTuple):
    """Contents of a folder of patches."""

    slides: dict[str, list[str]]  # slide id -> paths of its patches, both sorted
    ignored: list[str]  # other entries


def list_patches(folder: Union[str, Path], rule: SlideRule = PREFIX) -> PatchFolder:
    """Sort the images of a folder by slide.

    Hidden files, and files without an image's suffix are ignored; folders are, too,
    unless the rule allows patches in them.

    Args:
        folder: ``patches_captions``, with the images directly in it, or in folders
            below.
        rule: which slide a patch belongs to.

    Raises:
        FileNotFoundError: the folder is missing or has no image.
        ValueError: the name of an image cannot be in an annotation file, or the rule
            has no slide for it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f'{folder}: no such folder.{looked_at(folder)} Unzip '
            'patches_captions.zip beside captions.csv (data/README.md).'
        )
    images: list[str] = []
    ignored: list[str] = []
    for name, is_image in _entries(folder, '', rule.in_folders, ()):
        (images if is_image else ignored).append(name)
    if not images:
        raise FileNotFoundError(_no_images(folder, sorted(ignored), rule))
    slides: dict[str, list[str]] = {}
    for name in sorted(images):
        fault = filename_fault(name)
        if fault:
            raise ValueError(
                f'{folder / name}: the name of this patch {fault}. '
                'Rename the file, or delete it if it is a copy.'
            )
        try:
            slides.setdefault(rule(name), []).append(name)
        except ValueError as error:
            raise ValueError(f'{folder}: {error}') from error
    return PatchFolder(slides, sorted(ignored))


def list_feature_rows(prefixes: Sequence[Union[str, Path]]) -> PatchFolder:
    """Sort the rows of files of ``cite import-features`` by slide.

    A row is called ``{slide}_…``, and no slide's id has a ``_``.

    Args:
        prefixes: the files without their ends; ``{prefix}.txt`` names the rows.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: a faulty line.
    """
    slides: dict[str, list[str]] = {}
    for prefix in prefixes:
        path = Path(f'{Path(prefix).expanduser()}.txt')
        for name, _ in read_annotations(path, _ANY_LABEL):
            slides.setdefault(PREFIX(name), []).append(name)
    return PatchFolder({slide: sorted(slides[slide]) for slide in sorted(slides)}, [])


def _no_images(folder: Path, ignored: list[str], rule: SlideRule) -> str:
    contents = shorten(ignored) if ignored else 'nothing'
    if rule.in_folders:
        return (
            f'{folder}: no images in this folder or below it, but {contents}. Patches '
            f'are {", ".join(FORMATS)}.'
        )
    return (
        f'{folder}: no images directly in this folder, but {contents}. Move the images '
        "here, or choose slide='folder' (--slide folder) if each slide has a folder. "
        f'Patches are {", ".join(FORMATS)}.'
    )


def _entries(
    folder: Path, below: str, deep: bool, above: tuple[tuple[int, int], ...]
) -> Iterator[tuple[str, bool]]:
    """Yield each entry's path below the folder, and whether it is an image.

    Folders may be links; one that leads back to a folder above it is not entered.
    """
    state = os.stat(folder / below)
    above = (*above, (state.st_dev, state.st_ino))
    with os.scandir(folder / below) as entries:
        for entry in entries:
            name = f'{below}{entry.name}'
            if deep and entry.is_dir() and not entry.name.startswith('.'):
                inside = entry.stat()
                if (inside.st_dev, inside.st_ino) not in above:
                    yield from _entries(folder, f'{name}/', deep, above)
                continue
            is_image = entry.name.lower().endswith(SUFFIXES)
            hidden = entry.name.startswith('.') or entry.is_dir()
            yield name, is_image and not hidden
