from . import hooks, runners

__all__ = ['hooks', 'runners']
