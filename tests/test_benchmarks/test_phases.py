from time import perf_counter

import pytest

from benchmarks.compare import child_environment
from benchmarks.phases import ITERATIONS, PATCHES, measure
from benchmarks.row import Workspace


@pytest.mark.usefixtures('forks')
def test_the_phases_are_the_run_divided(tmp_path):
    with child_environment(tmp_path):
        start = perf_counter()
        phases = measure(Workspace(tmp_path, small=True), iterations=2, patches=3)
        clock = perf_counter() - start

    assert all(phase.seconds >= 0 for phase in phases)
    measured = sum(phase.seconds for phase in phases)
    assert measured < clock  # which also made the slides and models
    named = {phase.name: phase for phase in phases}
    assert measured > named['start to the first iteration'].seconds > 0.3  # imports
    assert named['first iteration'].scale == 1
    # The second of two iterations counts for all but the first.
    assert named['training: steps'].scale == ITERATIONS - 1
    evaluation = named['evaluation']
    assert evaluation.whole == pytest.approx(evaluation.seconds * PATCHES / 3)
