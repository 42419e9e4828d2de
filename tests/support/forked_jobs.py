"""submitit's jobs as forks of a process that has imported torch once."""

from functools import partialmethod

import forked
import pytest


def fork_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let submitit's executor of local processes start its tasks as forks.

    When a task has ended, its result is looked for once, not for the fifteen seconds
    that a network's file system may take.
    """
    submitit = pytest.importorskip('submitit', reason='needs submitit')
    executor = submitit.LocalExecutor
    start = partialmethod(executor.__init__, python=str(forked.python()))
    monkeypatch.setattr(executor, '__init__', start)
    monkeypatch.setattr(submitit.LocalJob, '_results_timeout_s', 0)
