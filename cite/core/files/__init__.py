"""Every byte from outside, and writing whole files.

``load_weights`` is the only way into the reader of weights: the other modules of the
wall (``torch_files``, ``plain_pickle``, ``plain_tensors``, ``plain_types``) serve it.
"""

from .weights import load_weights, trim_heap

__all__ = ['load_weights', 'trim_heap']
