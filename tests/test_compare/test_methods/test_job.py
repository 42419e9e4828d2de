"""Every method's config gets the slides, seed and options of its job."""

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_compare import write_comparison

from cite.compare.methods.job import job_config
from cite.compare.plan.plan import Job, job_inputs
from cite.compare.plan.read_config import read_comparison


@pytest.fixture
def inputs(compare_data, tmp_path):
    """Return a function that gives a job's inputs."""
    comparison = read_comparison(write_comparison(compare_data, tmp_path))
    return lambda *job: job_inputs(comparison, Job(*job))


@pytest.mark.parametrize('method', ['cite', 'linear', 'mean'])
def test_every_method_trains_on_the_draw_and_is_tested_on_the_test_slides(
    inputs, method
):
    data = job_config(inputs(method, 1, 2, 0)).data
    files = [Path(data[part].ann_file).name for part in ('train', 'val', 'test')]
    assert files == ['train_1_0.5_draw2.txt', 'val_0.5.txt', 'val_0.5.txt']


def test_the_seed_is_the_jobs(inputs):
    job = inputs('cite', 1, 2, 7)
    method = replace(job.method, seed_keys=['model.head.seed'])
    cfg = job_config(replace(job, method=method))
    assert (cfg.seed, cfg.model.head.seed) == (7, 7)


def test_a_methods_options_come_after_the_comparisons(inputs):
    job = inputs('cite', 1, 1, 0)
    method = replace(job.method, options={'optimizer.lr': 0.2})
    options = {'optimizer.lr': 0.1, 'runner.max_iters': 5}
    cfg = job_config(replace(job, method=method, options=options))
    assert (cfg.optimizer.lr, cfg.runner.max_iters) == (0.2, 5)
