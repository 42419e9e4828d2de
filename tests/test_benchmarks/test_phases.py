from time import perf_counter

import pytest

from benchmarks.compare import child_environment
from benchmarks.phases import ITERATIONS, PATCHES, measure
from benchmarks.row import Workspace


def test_the_phases_are_the_run_divided(tmp_path):
    with child_environment(tmp_path):
        start = perf_counter()
        phases = measure(Workspace(tmp_path, small=True), iterations=2, patches=3)
        clock = perf_counter() - start

    assert all(phase.seconds >= 0 for phase in phases)
    measured = sum(phase.seconds for phase in phases)
    assert measured < clock  # which also made the slides and models
    assert measured > phases[0].seconds > 1  # imports alone take a second
    scales = {phase.name.split(':')[0]: phase.scale for phase in phases}
    assert scales['training'] == ITERATIONS / 2
    assert scales['evaluation'] == PATCHES / 3
    assert phases[3].whole == pytest.approx(phases[3].seconds * PATCHES / 3)
