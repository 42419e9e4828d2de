import pytest

from cite.compare.methods.job import Job, JobInputs
from cite.compare.plan.overlap import training_overlap


def _inputs(folder, draws):
    """Write a training file for each draw's slides and return the jobs' inputs."""
    val = folder / 'val.txt'
    val.write_text('x_0.jpg 0\n')
    for (shots, draw), slides in draws.items():
        path = folder / f'train_{shots}_{draw}.txt'
        lines = (f'{s}_{i}.jpg {k}\n' for k, s in enumerate(slides) for i in range(3))
        path.write_text(''.join(lines))
        for seed in range(2):
            job = Job('m', shots, draw, seed)
            files = {'train': str(path), 'val': str(val)}
            yield JobInputs(job, None, {}, [], '', files)


def test_the_share_of_common_slides_by_hand(tmp_path):
    # Twice 2 slides: one in common, none, one: (1/2 + 0 + 1/2) / 3.
    draws = {(1, 1): 'ab', (1, 2): 'bc', (1, 3): 'cd', ('all', 0): 'abcd'}
    shares = training_overlap(_inputs(tmp_path, draws), 4)
    assert shares == {'1': pytest.approx(1 / 3)}


def test_draws_of_the_same_slides_share_all(tmp_path):
    draws = {(2, 1): 'ab', (2, 2): 'ab'}
    assert training_overlap(_inputs(tmp_path, draws), 2) == {'2': 1}
