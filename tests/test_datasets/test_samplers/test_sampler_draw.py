import pickle

from cite.datasets.samplers import Draw


def test_it_is_an_index():
    draw = Draw(2, k=7, seed=3)

    assert draw == 2
    assert ['a', 'b', 'c'][draw] == 'c'
    assert isinstance(draw, int)


def test_it_reaches_a_worker_whole():
    draw = pickle.loads(pickle.dumps(Draw(2, k=7, seed=3)))

    assert (draw, draw.k, draw.seed) == (2, 7, 3)
