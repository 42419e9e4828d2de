"""What commands and notebooks call. docs/PYTHON.md shows it at work."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cite.inference.model_folder.export import export_model
    from cite.inference.model_folder.zero_shot import export_zero_shot
    from cite.inference.plot_patches import plot_patches
    from cite.inference.predictor import Predictor

__all__ = ['Predictor', 'export_model', 'export_zero_shot', 'plot_patches']
_HOMES = {  # of the wing above, imported when they are asked for
    'Predictor': 'cite.inference.predictor',
    'export_model': 'cite.inference.model_folder.export',
    'export_zero_shot': 'cite.inference.model_folder.zero_shot',
    'plot_patches': 'cite.inference.plot_patches',
}


def __getattr__(name: str) -> Any:
    """Import a name of ``cite.inference`` when it is asked for."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
