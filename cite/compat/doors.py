"""mmcls' tools take functions by name before a config's ``custom_imports`` is read.

Replacing a function in its own module then comes too late for them.
"""

import sys
from typing import Any


def rebind(original: Any, replacement: Any) -> None:
    """Put one function in the place of another in every module that has taken it.

    Args:
        original: a function or class, known by its own name.
        replacement: what stands under that name afterwards.
    """
    name = original.__name__
    for module in list(sys.modules.values()):
        # Not getattr: modules that load lazily would do so.
        if getattr(module, '__dict__', {}).get(name) is original:
            setattr(module, name, replacement)
