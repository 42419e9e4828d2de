"""A project of one's own: classes, split and configs for a folder of patches."""

from .comparison import new_comparison
from .project import compare_command, new_project

__all__ = ['compare_command', 'new_comparison', 'new_project']
