"""The config of a comparison of methods on the slides of a config."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

from cite.apis.config_file import read_config
from cite.core.files.write_whole import write_text_whole
from cite.datasets.tables.annotations import read_annotations
from cite.datasets.tables.class_file import read_class_file
from cite.datasets.tables.slide_rule import SlideRule
from cite.datasets.tables.slide_table import patient_column

from .config_text import FOLDER, listed

_SHOTS = (1, 4)
_ANY_LABEL = 10**9
_TRAIN = re.compile(r'train_(all|\d+)(_[\d.]*\d)(_draw\d+)?\.txt')


def new_comparison(project: Union[str, Path], config: Union[str, Path]) -> Path:
    """Write ``compare.py`` for the slides and the model of a config.

    Args:
        project: folder to write it to.
        config: config of a data set of ours, with a split of ``cite ann --draws``.

    Returns:
        The file.

    Raises:
        FileNotFoundError: no such config, or no such split.
        FileExistsError: the file exists.
        ValueError: the config has no data set of ours or no such split.
    """
    path = Path(project).expanduser() / 'compare.py'
    if path.exists():
        raise FileExistsError(f'{path} exists. Name another folder, or move it away.')
    write_text_whole(path, comparison_text(Path(config), path.parent))
    return path


def comparison_text(config: Path, folder: Path) -> str:
    """Return the text of a comparison's config that is to lie in a folder."""
    cfg = read_config(config)
    data, here = cfg.data.train, _Paths(folder)
    missing = [k for k in ('ann_file', 'data_prefix', 'classes') if not data.get(k)]
    if missing:
        raise ValueError(f'{config}: data.train has no {", ".join(missing)}.')
    split = Path(data.ann_file).absolute()
    match = _TRAIN.fullmatch(split.name)
    if match is None:
        raise ValueError(
            f'{config}: data.train.ann_file is {split.name}, which is not a name of '
            '`cite ann`, such as train_all_0.5.txt.'
        )
    train = f'train_{{shots}}{match[2]}{{draw}}.txt'
    classes = _class_names(data.classes)
    captions = Path(data.data_prefix).absolute().parent / 'captions.csv'
    lines = [
        f'title = {folder.absolute().name!r}',
        f'data_prefix = {str(Path(data.data_prefix).absolute())!r}',
        f'ann_root = {here(split.parent)}',
        f'train = {train!r}',
        f'val = {Path(cfg.data.val.ann_file).name!r}',
        f'classes = {listed(classes)}',
    ]
    if data.get('slide', 'prefix') != 'prefix':
        lines.append(f'slide = {data.slide!r}')
    if captions.is_file():
        lines.append(f'captions = {str(captions)!r}')
        column = patient_column(captions, None)
        lines += [f'patient = {column!r}'] if column else []
    draws = len([*split.parent.glob(f'train_1{match[2]}_draw*.txt')])
    lines += [f'shots = {_shots(split, match, data)!r}', f'draws = {draws}']
    return _TEXT.format(
        folder=FOLDER,
        keys='\n'.join(lines),
        config=here(config.absolute()),
        methods=_methods(cfg),
    )


class _Paths:
    """Write paths as Python: below the config's folder by ``here``, others whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def __call__(self, path: Path) -> str:
        try:
            return f"f'{{here}}/{path.relative_to(self._folder).as_posix()}'"
        except ValueError:
            return repr(str(path))


_TEXT = """\
# Methods beside each other on the same slides, with the controls of the texts.
# cite compare compare.py --out compare --dry-run    # the jobs, the time to expect
# cite compare compare.py --out compare
here = {folder}
{keys}
seeds = [0]
# With fewer than some 30 patients to test: deal all slides into 5 parts by patient, so
# that each is tested once by models that did not see it.
# folds = 5
config = {config}
{methods}"""


def _methods(cfg: Mapping[str, Any]) -> str:
    """Write the methods: the config itself, and others on its backbone's features."""
    backbone = cfg['model']['backbone']
    frozen, option = '', ''
    if backbone.get('prompt_length'):
        frozen = "frozen = {'model.backbone.prompt_length': 0}\n"
        option = ', options=frozen'
    name = 'cite' if cfg['model']['head'].get('texts') else 'trained'
    rows = [f"    '{name}': dict(label={name.upper()!r}, config=config),"]
    if frozen:
        rows.append(
            f"    '{name}-no-prompt': dict(\n"
            f'        label={name.upper() + " without prompt"!r}, config=config, '
            'features=4, options=frozen),'
        )
    for kind, label in _ON_FEATURES.items():
        rows.append(
            f"    '{kind.replace('_', '-')}': dict(\n"
            f'        label={label!r}, type={kind!r}, config=config{option}),'
        )
    return '\n'.join([f'{frozen}methods = {{', *rows, '}', f'reference = {name!r}', ''])


_ON_FEATURES = {
    'slide_linear': 'Linear on slide means',
    'nearest_mean': 'Nearest class mean',
    'abmil': 'ABMIL',
}


def _class_names(classes: Any) -> list[str]:
    if isinstance(classes, str) and Path(classes).suffix in ('.yml', '.yaml'):
        return list(read_class_file(classes))
    return list(classes)


def _shots(split: Path, match: 're.Match[str]', data: Mapping[str, Any]) -> list[Any]:
    """Return numbers of training slides that each class has, and all of them."""
    rule = SlideRule(data.get('slide', 'prefix'))
    slides: dict[int, set[str]] = {}
    whole = split.with_name(f'train_all{match[2]}.txt')
    for name, label in read_annotations(whole, _ANY_LABEL):
        slides.setdefault(label, set()).add(rule(name))
    least = min(map(len, slides.values()))
    return [*(k for k in _SHOTS if k < least), 'all']
