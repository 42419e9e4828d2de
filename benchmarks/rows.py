"""The table's rows, in order. A new family of rows is a module and a line here."""

import importlib
from importlib.util import find_spec

from .row import Row

_FAMILIES = (
    *('data_rows', 'model_path', 'start', 'cached', 'whole_run'),
    'slide_rows',
)


def all_rows() -> list[Row]:
    """Return the rows of all families; a family is a module with ``ROWS``."""
    rows: list[Row] = []
    for family in _FAMILIES:
        name = f'{__package__}.{family}'
        if find_spec(name) is not None:
            rows += importlib.import_module(name).ROWS
    return rows
