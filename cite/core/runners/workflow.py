"""The workflow of a run: which data sets it goes over, how often, and until when."""

from collections.abc import Sequence
from typing import Optional

from mmcv.runner import BaseRunner, get_host_info
from torch.utils.data import DataLoader


def check_workflow(
    workflow: Sequence[tuple[str, int]],
    data_loaders: Sequence[DataLoader],
    most: Optional[int],
) -> None:
    """Refuse a workflow that no run can follow, or that never ends.

    Args:
        workflow: pairs of a mode and how often it comes before the next.
        data_loaders: one for each pair.
        most: after how many iterations or epochs the run ends.

    Raises:
        ValueError: it is such a workflow, or ``most`` is None.
    """
    others = {mode for mode, _ in workflow} - {'train', 'val'}
    if others:
        raise ValueError(f'workflow={workflow}: {others}; the modes are train and val.')
    trains = any(mode == 'train' and times > 0 for mode, times in workflow)
    if not trains or len(workflow) != len(data_loaders):
        raise ValueError(
            f'workflow={workflow}: it needs train, and a data set for each of its '
            f'{len(workflow)} entries (there are {len(data_loaders)}).'
        )
    if most is None:
        raise ValueError(
            'runner: say when the run ends, by max_iters for IterBasedRunner or by '
            'max_epochs for EpochBasedRunner.'
        )


def log_start(
    runner: BaseRunner, workflow: Sequence[tuple[str, int]], most: int
) -> None:
    """Log what mmcv logs when a run starts."""
    log = runner.logger.info
    log(f'Start running, host: {get_host_info()}, work_dir: {runner.work_dir}')
    log(f'Hooks will be executed in the following order:\n{runner.get_hook_info()}')
    unit = 'iters' if runner.filename_tmpl.startswith('iter') else 'epochs'
    log(f'workflow: {workflow}, max: {most} {unit}')
