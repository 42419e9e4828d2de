import functools
import warnings
from types import ModuleType
from typing import Optional


@functools.cache
def load_kernels() -> Optional[ModuleType]:
    """Return the compiled loops, or None where numba is missing or cannot compile."""
    try:  # at the first call, because numba takes a second
        from cite.core import kernels
    except ImportError:
        return None
    except RuntimeError as error:  # both the package's folder and the home read-only
        warnings.warn(
            f'numba does not compile ({error}), so Pillow does its work, more slowly. '
            'Set NUMBA_CACHE_DIR to a folder that may be written.',
            stacklevel=2,
        )
        return None
    return kernels
