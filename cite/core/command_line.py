"""Values that mmcv's ``--cfg-options`` changes on their way into a config."""

import ast
import sys
from collections.abc import Sequence
from typing import Any, Optional

_QUOTES = '\'"'
_CHANGING = ' \t,[](){}'


def refuse_changed(
    key: str, value: Any, arguments: Optional[Sequence[str]] = None
) -> None:
    """Refuse a value of the command line that is not what was written there.

    mmcv deletes every blank of ``KEY=[one text,two texts]`` and splits it at commas,
    also within quotes.

    Args:
        key: last part of the key, such as ``texts``.
        value: what arrived.
        arguments: the command line; by default that of this process.

    Raises:
        ValueError: the value is what mmcv made of an argument that says more.
    """
    for argument in sys.argv[1:] if arguments is None else arguments:
        name, equals, written = argument.partition('=')
        if not equals or key not in name.split('.'):
            continue
        arrived = _as_mmcv_reads(written)
        entries = value if isinstance(value, (list, tuple)) else [value]
        if _plain(arrived) not in (_plain(value), *map(_plain, entries)):
            continue
        if _plain(arrived) != _plain(_as_written(written)):
            raise ValueError(
                f'--cfg-options {name}: mmcv deletes blanks and splits texts at '
                f'commas and brackets: {written!r} arrives as {arrived!r}. Write the '
                f'texts into the config, or into a file that {name} names.'
            )


def cfg_options(arguments: Optional[Sequence[str]] = None) -> dict[str, str]:
    """Return the keys of a command line's ``--cfg-options``, and what is written there.

    Args:
        arguments: the command line; by default that of this process.
    """
    groups = _groups(sys.argv[1:] if arguments is None else arguments)
    return {key: written for group in groups for key, written in group}


def refuse_changed_options(arguments: Optional[Sequence[str]] = None) -> None:
    """Refuse a command line of whose ``--cfg-options`` mmcv makes something else.

    Args:
        arguments: the command line; by default that of this process.

    Raises:
        ValueError: a value that would change, see :func:`refuse_changed`, or the
            option is given twice: mmcv takes the last alone.
    """
    groups = _groups(sys.argv[1:] if arguments is None else arguments)
    if len(groups) > 1:
        dropped = ' '.join(key for group in groups[:-1] for key, _ in group)
        raise ValueError(
            f'--cfg-options is given {len(groups)} times, of which the last alone '
            f'counts; {dropped} would be dropped. Write all KEY=VALUE behind one.'
        )
    for key, written in (pair for group in groups for pair in group):
        change = changed_on_its_way(written)
        if change:
            raise ValueError(f'--cfg-options {key}: {change}.')


def _groups(arguments: Sequence[str]) -> list[list[tuple[str, str]]]:
    """Return the keys and values of each ``--cfg-options``, which may be shortened."""
    groups: list[list[tuple[str, str]]] = []
    inside = False
    for argument in arguments:
        if argument.startswith('--'):
            name, _, argument = argument.partition('=')
            inside = '--cfg-options'.startswith(name) and len(name) > len('--cf')
            groups += [[]] if inside else []
        key, equals, written = argument.partition('=')
        if inside and equals:
            groups[-1].append((key, written))
    return groups


def changed_on_its_way(written: str) -> str:
    """Say what mmcv makes of a value of the command line, or nothing if it keeps it."""
    if not any(mark in written for mark in _CHANGING):
        return ''
    arrived = _as_mmcv_reads(written)
    if _plain(arrived) == _plain(_as_written(written)):
        return ''
    return (
        'mmcv deletes blanks and splits at commas and brackets: '
        f'{written!r} arrives as {arrived!r}. Write it into the config'
    )


def _as_mmcv_reads(written: str) -> Any:
    from mmcv import DictAction

    return DictAction._parse_iterable(written)


def _as_written(written: str) -> Any:
    """Return what a person means: Python's notation, or words between commas."""
    try:
        return ast.literal_eval(written)
    except (ValueError, SyntaxError):
        inner = written.strip().strip(_QUOTES)
        if inner[:1] in ('[', '(') and inner[-1:] in (']', ')'):
            return [part.strip().strip(_QUOTES) for part in inner[1:-1].split(',')]
        return [part.strip() for part in inner.split(',')] if ',' in inner else inner


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    text = str(value)
    return text.lower() if text.lower() in ('true', 'false') else text
