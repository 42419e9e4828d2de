"""What is found out on training slides before a method meets the test slides."""

import functools
import shutil

from .held_out import HeldOut, Run, folder_of, hold_out
from .job import JobInputs
from .rates import choose_rate, has_rate
from .scores import Scores
from .workspace import Workspace


def with_training_slides(method: Run) -> Run:
    """Let a method choose its rate and hold out training slides, where a job asks.

    Args:
        method: a method of the comparison.
    """

    @functools.wraps(method)
    def run(inputs: JobInputs, workspace: Workspace) -> Scores:
        held = None
        if 'train' in inputs.files:
            if inputs.rates and has_rate(inputs.method.type):
                inputs, held = choose_rate(inputs, workspace, method)
            elif inputs.held_out:
                held = hold_out(inputs, workspace, method)
        shutil.rmtree(folder_of(workspace), ignore_errors=True)
        scores = method(inputs, workspace)
        if held is not None and inputs.held_out:
            workspace.record(held_out=_plain(held))
        return scores

    return run


def _plain(held: HeldOut) -> dict[str, list]:
    return {
        'scores': held.scores.astype(float).tolist(),
        'labels': held.labels.tolist(),
        'groups': held.groups.tolist(),
    }
