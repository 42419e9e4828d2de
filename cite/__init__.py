"""CITE: text-guided adaptation of image foundation models to pathology.

``import cite`` registers every part with mmcls; a config asks for it with
``custom_imports = dict(imports=['cite'], allow_failed_imports=False)``.

Source: Zhang et al., *Text-guided Foundation Model Adaptation for Pathological Image
Classification*, MICCAI 2023, arXiv:2307.14901.
"""

from importlib.util import find_spec

from .version import __version__

if find_spec('mmcv') is None:
    raise ImportError(
        'cite needs mmcv 1.7, which pip cannot choose for you: after `pip install .`, '
        '`pip install --no-build-isolation mmcv==1.7.2` (README, '
        'Installation).'
    )

from . import compat, core, datasets, models  # noqa: F401

__all__ = ['__version__']
