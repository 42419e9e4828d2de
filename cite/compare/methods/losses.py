"""The training loss of a job: where it ended, and whether it was still falling."""

from collections.abc import Sequence

import numpy as np

from .workspace import Workspace


def record_losses(workspace: Workspace, losses: Sequence[float]) -> None:
    """Record the mean loss of the last tenth of the steps, and of the tenth before.

    Args:
        workspace: where the method works.
        losses: loss of each step; of fewer than two, nothing is recorded.
    """
    tenth = max(len(losses) // 10, 1)
    if len(losses) < 2 * tenth:
        return
    last, before = losses[-tenth:], losses[-2 * tenth : -tenth]
    workspace.record(
        loss=float(np.mean(last)), loss_before=float(np.mean(before)), steps=len(losses)
    )
