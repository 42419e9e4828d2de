from .check import Options, check_config
from .report import Problem, Report

__all__ = ['Options', 'Problem', 'Report', 'check_config']
