"""Import OpenAI's CLIP where setuptools no longer brings pkg_resources."""

import sys
from importlib.util import find_spec
from types import ModuleType


def import_clip() -> None:
    """Import ``clip``, so that later imports find it.

    clip-anytorch 2.6.0 imports ``packaging`` by way of pkg_resources, which setuptools
    82 dropped. A stand-in serves while clip is imported, and is gone afterwards.
    """
    if 'pkg_resources' in sys.modules or find_spec('pkg_resources'):
        return
    import packaging.version

    stand_in = ModuleType('pkg_resources')
    stand_in.packaging = packaging  # type: ignore[attr-defined]
    sys.modules['pkg_resources'] = stand_in
    try:
        import clip  # noqa: F401
    finally:
        del sys.modules['pkg_resources']
