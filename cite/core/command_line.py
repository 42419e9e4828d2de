"""Values that mmcv's ``--cfg-options`` changes on their way into a config."""

import ast
import sys
from collections.abc import Sequence
from typing import Any, Optional

_QUOTES = '\'"'


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
    return str(value)
