"""CITE: text-guided adaptation of image foundation models to pathology.

``import cite`` registers every part with mmcls; a config asks for it with
``custom_imports = dict(imports=['cite'], allow_failed_imports=False)``.

Source: Zhang et al., *Text-guided Foundation Model Adaptation for Pathological Image
Classification*, MICCAI 2023, arXiv:2307.14901.
"""

from . import compat, core, datasets, models  # noqa: F401
from .version import __version__

__all__ = ['__version__']
