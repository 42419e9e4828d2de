"""The programs and the device that a run will have."""

import importlib
import platform
from typing import Any

import torch

from .report import Report

_MODULES = ('torch', 'torchvision', 'mmcv', 'mmcls', 'cite', 'timm', 'transformers')
_MORE = ('numpy', 'PIL')


def check_environment(report: Report) -> None:
    """Note versions and device; a module or device that does not work is an error."""
    versions = {'python': platform.python_version()}
    for name in (*_MODULES, *_MORE):
        try:
            versions[name] = importlib.import_module(name).__version__
        except Exception as error:  # a broken installation says anything
            report.error(
                'environment',
                name,
                f'cannot be imported ({error}). Install it as the README says.',
            )
    report.facts['versions'] = versions
    report.facts['device'] = _device(report)


def _device(report: Report) -> str:
    if not torch.cuda.is_available():
        return 'CPU (torch sees no GPU)'
    name = torch.cuda.get_device_name()
    major, _ = torch.cuda.get_device_capability()
    built_for: list[Any] = torch.cuda.get_arch_list()
    # Code for sm_80 runs on all of the 8 series, PTX (compute_) on newer ones too.
    if not any(arch.startswith((f'sm_{major}', 'compute')) for arch in built_for):
        report.error(
            'environment',
            name,
            f'torch {torch.__version__} has no code for it, only for '
            f'{", ".join(built_for)}. Use the modern stack: make env STACK=modern.',
        )
    return f'{torch.cuda.device_count()} x {name}'
