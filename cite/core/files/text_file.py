"""Read the files that users write: annotations, tables, classes, captions."""

from pathlib import Path
from typing import Any, Optional

import yaml

# PyYAML needs seconds for a megabyte; classes and texts have some kilobytes.
_MOST_YAML = 1 << 20
_MAX_DEPTH = 20  # two would do; PyYAML needs seconds and all of the stack for 5,000
_PLAIN_TAGS = {
    f'tag:yaml.org,2002:{name}' for name in ('str', 'int', 'float', 'bool', 'timestamp')
}


def read_utf8(path: Path) -> str:
    """Return a file's text with its line ends unchanged.

    Args:
        path: text file. A byte order mark, which some editors write, is removed.

    Raises:
        ValueError: the file is not UTF-8; the message names the first faulty line.
    """
    try:
        return path.read_bytes().decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = error.object.count(b'\n', 0, error.start) + 1
        raise ValueError(
            f'{path}:{line}: not UTF-8 text. Save the file as UTF-8.'
        ) from error


class _ShallowLoader(yaml.SafeLoader):
    """PyYAML's safe loader with a limit on the depth of nesting."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem='brackets or lists are nested too deeply',
                problem_mark=self.peek_event().start_mark,
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def compose(path: Path, remedy: str) -> Optional[yaml.Node]:
    """Parse a YAML file without building objects: nodes keep lines and duplicates.

    Args:
        path: YAML file.
        remedy: end of the error message: what a correct file looks like.

    Raises:
        ValueError: the file is not YAML, with the line, or too large.
    """
    if path.stat().st_size > _MOST_YAML:
        raise ValueError(
            f'{path} has {path.stat().st_size:,} bytes; at most {_MOST_YAML:,} are '
            f'read. {remedy}'
        )
    text = read_utf8(path)
    try:
        return yaml.compose(text, Loader=_ShallowLoader)
    except yaml.MarkedYAMLError as error:
        line = f':{error.problem_mark.line + 1}' if error.problem_mark else ''
        problem = error.problem or error.context
        raise ValueError(f'{path}{line}: not YAML: {problem}. {remedy}') from error
    # PyYAML does not wrap these: some characters and escapes raise them.
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        problem = str(error).split('\n')[0]
        raise ValueError(f'{path}: not YAML: {problem}. {remedy}') from error


def plain_text(node: yaml.Node, where: str, remedy: str) -> str:
    """Return a scalar as written, regardless of the type that YAML would give it.

    Args:
        node: node of a parsed file.
        where: start of the error message: file and line.
        remedy: end of the error message.

    Raises:
        ValueError: the node is not a scalar, or is empty.
    """
    if not isinstance(node, yaml.ScalarNode) or node.tag not in _PLAIN_TAGS:
        raise ValueError(f'{where}: a name is missing or is not plain text. {remedy}')
    if not node.value.strip():
        raise ValueError(f'{where}: an empty name. {remedy}')
    return str(node.value)
