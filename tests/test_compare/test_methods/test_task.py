"""What a worker does with jobs one after another."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits
from tiny_compare import write_comparison

from cite.compare.methods import METHODS, Scores
from cite.compare.methods.scores import read_lines
from cite.compare.methods.task import Task, run_task
from cite.compare.methods.workspace import Kept
from cite.compare.plan.plan import make_plan


@pytest.fixture
def tasks(compare_data, tmp_path):
    """Return the tasks of four methods, one of them a control."""
    config = write_comparison(compare_data, tmp_path, shots=['all'], controls=True)
    plan = make_plan(config)
    return [
        Task(name, inputs, str(tmp_path / 'out' / 'jobs' / name))
        for name, inputs in plan.inputs.items()
    ]


def blas_threads():
    return {b['num_threads'] for b in threadpool_info() if b['user_api'] == 'blas'}


def test_a_worker_that_has_run_other_jobs_gives_the_same_bits(tasks):
    kept = Kept()
    for task in [*tasks, *tasks[::-1]]:
        again, fresh = run_task(task, kept), run_task(task, Kept())
        assert again.error is None
        for part in ('patches', 'slides'):
            np.testing.assert_array_equal(getattr(again, part), getattr(fresh, part))


def test_a_job_has_one_thread_of_numpy(tasks, monkeypatch):
    inside = []

    def method(inputs, workspace):
        inside.append(blas_threads())
        return Scores(slides=np.ones((1, 1)))

    monkeypatch.setitem(METHODS, tasks[0].inputs.method.type, method)
    with threadpool_limits(2, 'blas'):
        assert run_task(tasks[0], Kept()).error is None
        assert max(blas_threads()) == 2  # torch's MKL keeps its own
    assert inside == [{1}]


def test_lines_are_read_again_from_a_file_that_was_replaced(tmp_path):
    for name in ('a_1.jpg', 'b_1.jpg'):
        new = tmp_path / 'new.txt'
        new.write_text(f'{name} 0\n')
        new.replace(tmp_path / 'train.txt')
        assert read_lines(str(tmp_path / 'train.txt'), 1).files == [name]
