"""What commands and notebooks call."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cite.inference.predictor import Predictor

__all__ = ['Predictor']


def __getattr__(name: str) -> Any:
    """Import ``Predictor``, of the wing above, when it is asked for."""
    if name == 'Predictor':
        from cite.inference.predictor import Predictor

        return Predictor
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
