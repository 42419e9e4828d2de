"""Let mmcv 1.7.2's setup.py run on Python 3.13 and later.

It reads its version by ``exec(...)`` and ``locals()['__version__']``. Since PEP 667 the
first no longer writes to what the second returns; here ``exec`` writes to the caller's
frame again. ``cite install-mmcv`` and ``tools/env/install_mmcv.sh`` put this folder on
PYTHONPATH for that one build.
"""

import builtins
import sys
from typing import Any, Optional

_exec = builtins.exec


def _exec_in_frame(
    code: Any,
    scope: Optional[dict] = None,
    names: Any = None,
    /,
    **options: Any,
) -> None:
    if scope is None:
        frame = sys._getframe(1)
        scope, names = frame.f_globals, frame.f_locals
    _exec(code, scope, scope if names is None else names, **options)


builtins.exec = _exec_in_frame
