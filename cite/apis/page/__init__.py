"""What our HTML pages share: their look, sorting, and one way to render them.

They fetch nothing and run no script but their own.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent
SORT = _HERE / 'sort.js'  # sorts tables by a click on `button.sort`


def render_page(
    template: Path,
    styles: Sequence[Path] = (),
    scripts: Sequence[Path] = (),
    **context: Any,
) -> str:
    """Render a template with ``style``, ``script`` and ``script_hash`` filled in.

    Args:
        template: Jinja2 template of the page.
        styles: style sheets that follow the one that all pages share.
        scripts: scripts, joined in this order.
        context: further values of the template.

    Returns:
        The page. Its policy can allow its script alone, by ``script_hash``.
    """
    style = '\n'.join(_read(path) for path in (_HERE / 'base.css', *styles))
    script = '\n'.join(_read(path) for path in scripts)
    digest = hashlib.sha256(script.encode()).digest()
    return (
        _environment(template.parent)
        .get_template(template.name)
        .render(
            style=style,
            script=script,
            script_hash=base64.b64encode(digest).decode(),
            **context,
        )
    )


@cache
def _environment(folder: Path) -> Environment:
    """Return the environment of a folder, which compiles each template once."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _read(path: Path) -> str:
    return path.read_text(encoding='utf-8')
