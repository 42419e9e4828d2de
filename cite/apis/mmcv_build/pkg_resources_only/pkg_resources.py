"""What mmcv 1.7.2's setup.py needs of pkg_resources, which setuptools 82 dropped."""

from importlib.metadata import PackageNotFoundError as DistributionNotFound
from importlib.metadata import distribution as get_distribution

import packaging.version
from packaging.version import parse as parse_version

__all__ = ['DistributionNotFound', 'get_distribution', 'packaging', 'parse_version']
