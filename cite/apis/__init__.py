"""What commands and notebooks call."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .predictor import Predictor

__all__ = ['Predictor']


def __getattr__(name: str) -> Any:
    """Import ``Predictor`` when it is asked for: it needs torch and mmcls."""
    if name == 'Predictor':
        from .predictor import Predictor

        return Predictor
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
