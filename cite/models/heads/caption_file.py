"""The captions file: one or more descriptions of each class, for the text encoder."""

from pathlib import Path
from typing import Union

import yaml

from cite.core.files.elsewhere import looked_at
from cite.core.files.text_file import compose, plain_text

_REMEDY = (
    'Write "class name: [description, description]" for each class, in the order of '
    'the labels.'
)


def read_caption_file(path: Union[str, Path]) -> dict[str, list[str]]:
    """Read a captions file: YAML, class name -> descriptions, in the order of labels.

    A class has one description or a list of them, which are read as written::

        Benign glands: Glands of regular shape, lined by one layer of cells
        Poorly differentiated adenocarcinoma:
          - Poorly differentiated adenocarcinoma
          - Sheets of tumour cells that form no glands

    Args:
        path: captions file, YAML.

    Returns:
        The descriptions of each class; the k-th class has label k.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: the file is not such a mapping, or a class or a description is
            listed twice; the message names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such captions file (model.head.texts).{looked_at(path)} '
            f'{_REMEDY}'
        )
    root = compose(path, _REMEDY)
    if not isinstance(root, yaml.MappingNode) or not root.value:
        raise ValueError(f'{path}: no classes in this file. {_REMEDY}')
    captions: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    for key, value in root.value:
        place = f'{path}:{key.start_mark.line + 1}'
        name = plain_text(key, place, _REMEDY)
        if name in captions:
            raise ValueError(f'{place}: class {name!r} is listed twice. {_REMEDY}')
        captions[name] = []
        for node in _items(name, value, path):
            line = node.start_mark.line + 1
            text = plain_text(node, f'{path}:{line}', _REMEDY)
            if text in lines:
                raise ValueError(
                    f'{path}:{line}: the description {text!r} is on line '
                    f'{lines[text]} already. Delete one of the two.'
                )
            lines[text] = line
            captions[name].append(text)
    return captions


def _items(name: str, node: yaml.Node, path: Path) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode) and node.value:
        return list(node.value)
    if isinstance(node, yaml.ScalarNode) and not node.tag.endswith(':null'):
        return [node]
    raise ValueError(
        f'{path}:{node.start_mark.line + 1}: class {name!r} has neither a '
        f'description nor a list of them. {_REMEDY}'
    )
