"""The text of a config, each part of which yapf formats once in a process.

mmcv has yapf format a whole config three times a run. Where a path does not fit into a
line, that takes a quarter of a second each time: 7 % of all that the tests computed.
"""

import functools
import re
from typing import Any

import mmcv.utils.config
from yapf.yapflib.yapf_api import FormatCode


@functools.lru_cache(64)
def _formatted(part: str, style: tuple[tuple[str, Any], ...], **options: Any) -> str:
    return FormatCode(part, style_config=dict(style), **options)[0]


def format_code(
    text: str, style_config: dict[str, Any], **options: Any
) -> tuple[str, bool]:
    """Format as yapf does, a top-level assignment at a time."""
    parts = ['{'] if text.startswith('{') else re.split(r'\n(?=\S)', text)
    style = tuple(style_config.items())
    try:
        return ''.join(_formatted(f'{x}\n', style, **options) for x in parts), True
    except Exception:  # not assignments alone, or none: yapf decides or says why
        return FormatCode(text, style_config=style_config, **options)


def install() -> None:
    """Let mmcv format so."""
    mmcv.utils.config.FormatCode = format_code
