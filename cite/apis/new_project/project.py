"""Write a new project: classes, split, config."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import yaml

from cite.apis.split.split import Split, make_split
from cite.core.files.write_whole import write_text_whole

from .backbones import find_backbone
from .comparison import comparison_text
from .config_text import config_text
from .data_folder import DataFolder, look_at
from .shipped import find_text_encoder

_DRAWS = 5  # as many as a comparison needs for a star
_METRICS = '--metrics bag_accuracy mean_bag_accuracy'


class Project(NamedTuple):
    """What was written, and what to do with it."""

    data: DataFolder
    split: Split
    files: list[Path]
    weights: list[str]  # where the image and the language model are from
    commands: list[str]


def new_project(
    name: Union[str, Path],
    data: Union[str, Path],
    backbone: str = 'phikon',
    text: str = 'biolinkbert',
    *,
    weights: Optional[str] = None,
    image_stats: Optional[str] = None,
    slide: Optional[str] = None,
    classes: Optional[Union[str, Path]] = None,
    val: float = 0.5,
    mpp: Optional[float] = None,
    short: bool = False,
    compare: bool = False,
) -> Project:
    """Write a folder with all that a run on one's own patches needs.

    Args:
        name: folder to write; files that are there end the call.
        data: folder of ``captions.csv`` and ``patches_captions/``.
        backbone, weights, image_stats: see :func:`find_backbone`.
        text: a config in ``configs/foundation/language``, ``minilm``, or a folder.
        slide: which slide a patch belongs to; the first rule that fits by default.
        classes: classes file; by default each subtype is a class.
        val: share of each class's slides for evaluation.
        mpp: microns per pixel of the patches; by default what `cite tile` noted.
        short: 100 iterations of 16 patches instead of 1000 of 128.
        compare: write the config of a comparison, too.

    Raises:
        FileNotFoundError: no such data.
        FileExistsError: a file of the project exists.
        ValueError: data or choices that do not fit; nothing is written then.
    """
    project, folder = Path(name).expanduser(), look_at(data, slide, classes, mpp)
    _refuse_quotes(project.absolute(), folder.path)
    image = find_backbone(backbone, weights, image_stats)
    language = find_text_encoder(text)
    config = project / f'{image.name}_{language[0]}.py'
    comparison = project / 'compare.py'
    files = [project / 'classes.yml', config, *([comparison] if compare else [])]
    refuse_existing([*files, project / 'ann'])
    split = _split(folder, project / 'ann', val)
    recipe = config_text(config.stem, folder, image, language[:2], val, short)
    write_text_whole(files[0], _classes_text(folder.classes))
    write_text_whole(config, recipe)
    if compare:
        write_text_whole(comparison, comparison_text(config, project))
    notes = [s.replace('{project}', str(project)) for s in (image.note, language[2])]
    return Project(folder, split, files, notes, _commands(config, files[2:]))


def _split(data: DataFolder, out: Path, val: float) -> Split:
    return make_split(
        data.path,
        out,
        val,
        classes=data.classes,
        group_by=data.patient,
        draws=_DRAWS,
        slide=data.slide,
    )


def refuse_existing(paths: Sequence[Path]) -> None:
    """Raise a FileExistsError if one of the files is there."""
    for path in paths:
        if path.exists() or path.is_symlink():
            raise FileExistsError(
                f'{path} exists. Name another folder, or move it away.'
            )


def compare_command(comparison: Path) -> str:
    """Return the command that shows what a comparison would do, in its own folder."""
    out = shlex.quote(str(comparison.with_suffix('')))
    return f'cite compare {shlex.quote(str(comparison))} --out {out} --dry-run'


def _refuse_quotes(*paths: Path) -> None:
    """Refuse paths that break the copy of a config, which mmcv writes at each start."""
    for path in paths:
        if set(str(path)) & set('\'"\\\n'):
            raise ValueError(
                f'{path}: mmcv cannot write a config with quotes or backslashes in a '
                'path. Rename the folder.'
            )


def _classes_text(classes: Mapping[str, Sequence[str]]) -> str:
    lines = yaml.safe_dump(
        {name: list(subtypes) for name, subtypes in classes.items()},
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=None,
        width=10**6,
    )
    return (
        '# Class: [subtypes of the table]. The order of the lines is the order of the '
        'labels\n# and of the texts in the config.\n' + lines
    )


def _commands(config: Path, comparisons: Sequence[Path]) -> list[str]:
    """Return the next commands, as they are typed in the present folder."""
    checkpoint = config.parent / 'work_dirs' / f'{config.stem}_pall' / 'latest.pth'
    path = shlex.quote(str(config))
    return [
        f'cite check {path}',
        f'cite train {path} --seed 0',
        f'cite test {path} {shlex.quote(str(checkpoint))} {_METRICS}',
        *map(compare_command, comparisons),
    ]
