"""The classes file: which subtypes of the table make up each class."""

from collections.abc import Iterator
from pathlib import Path
from typing import Union

import yaml

from cite.core.files.elsewhere import looked_at
from cite.core.files.plain_cell import plain_cell
from cite.core.files.text_file import compose, plain_text

# Source: the CITE paper, section 3: grades as classes, both poorly differentiated
# subtypes as one; the subtypes as PatchGastric's table writes them.
PATCH_GASTRIC_CLASSES: dict[str, list[str]] = {
    'Well differentiated tubular adenocarcinoma': [
        'Well differentiated tubular adenocarcinoma',
    ],
    'Moderately differentiated tubular adenocarcinoma': [
        'Moderately differentiated tubular adenocarcinoma',
    ],
    'Poorly differentiated adenocarcinoma': [
        'Poorly differentiated adenocarcinoma, non-solid type',
        'Poorly differentiated adenocarcinoma, solid type',
    ],
}

_REMEDY = 'Write one line "class name: [subtype, subtype]" for each class.'


def read_class_file(path: Union[str, Path]) -> dict[str, list[str]]:
    """Read a classes file: YAML, class name -> subtypes, in the order of the labels.

    A class has a list of subtypes, one subtype, or none: then the subtype has the
    class's own name. Names are read as written, so that ``1`` and ``no`` stay text::

        Benign: Benign glands
        Malignant:
          - Moderately differentiated adenocarcinoma
          - Poorly differentiated adenocarcinoma

    Args:
        path: classes file, YAML.

    Returns:
        The subtypes of each class; the k-th class has label k.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: the file is not such a mapping, a class is listed twice, or a
            subtype is in two classes; the message names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such classes file.{looked_at(path)} {_REMEDY}'
        )
    root = compose(path, _REMEDY)
    if not isinstance(root, yaml.MappingNode) or not root.value:
        raise ValueError(f'{path}: no classes in this file. {_REMEDY}')
    classes: dict[str, list[str]] = {}
    owners: dict[str, str] = {}
    for key, value in root.value:
        where = f'{path}:{key.start_mark.line + 1}'
        name = _class_name(key, where)
        if name in classes:
            raise ValueError(f'{where}: class {name!r} is listed twice. {_REMEDY}')
        classes[name] = []
        for subtype in _subtypes(name, value, path):
            owner = owners.get(subtype)
            if owner is not None:
                raise ValueError(
                    f'{where}: subtype {subtype!r} is listed in class {owner!r} and '
                    f'in class {name!r}. Keep it in one place.'
                )
            owners[subtype] = name
            classes[name].append(subtype)
    return classes


def _class_name(key: yaml.Node, where: str) -> str:
    written = plain_text(key, where, _REMEDY)
    if not written.isprintable():
        raise ValueError(f'{where}: class {written!r} is not one line of text.')
    return plain_cell(written)


def _subtypes(name: str, node: yaml.Node, path: Path) -> Iterator[str]:
    where = f'{path}:{node.start_mark.line + 1}'
    if node.tag == 'tag:yaml.org,2002:null':
        yield plain_cell(name)
    elif isinstance(node, yaml.SequenceNode) and node.value:
        for item in node.value:
            place = f'{path}:{item.start_mark.line + 1}'
            yield plain_cell(plain_text(item, place, _REMEDY))
    elif isinstance(node, yaml.ScalarNode):
        yield plain_cell(plain_text(node, where, _REMEDY))
    else:
        raise ValueError(
            f'{where}: class {name!r} has neither a subtype nor a list of them. '
            f'{_REMEDY}'
        )
