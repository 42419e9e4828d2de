"""Every byte from outside, and writing whole files.

``weights.load_weights`` is the only way into the reader of weights: the other modules
of the wall (``torch_files``, ``plain_pickle``, ``plain_tensors``, ``plain_types``)
serve it.
"""
