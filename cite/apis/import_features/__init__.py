"""Features that other packages extracted, for our data sets of features."""

from .run import import_features

__all__ = ['import_features']
