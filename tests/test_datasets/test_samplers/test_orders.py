from collections import Counter

import numpy as np
import pytest

from cite.datasets.samplers.orders import patch_order, plain_order, slide_order

# Class 0: slide a with 3 patches, b with 1. Class 1: c with 2, d with 4, e with 1.
BAGS = np.array(list('aaabccdddde'))
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1])


def take(order, stop, start=0):
    return [order(k) for k in range(start, stop)]


def passes(indices, size):
    return [tuple(indices[i : i + size]) for i in range(0, len(indices), size)]


def test_plain_visits_every_patch_once_a_pass_each_time_in_another_order():
    drawn = passes(take(plain_order(11, seed=0, shuffle=True), 110), 11)

    assert all(sorted(p) == list(range(11)) for p in drawn)
    assert len(set(drawn)) == 10


@pytest.mark.parametrize(
    'order', [patch_order(LABELS, 0, True), slide_order(LABELS, BAGS, 0, True)]
)
def test_classes_in_exact_rotation(order):
    assert LABELS[take(order, 50)].tolist() == [0, 1] * 25


def test_patches_of_a_class_once_each_before_any_twice():
    drawn = take(patch_order(LABELS, seed=0, shuffle=True), 280)
    of_class_0, of_class_1 = passes(drawn[::2], 4), passes(drawn[1::2], 7)

    assert all(sorted(p) == [0, 1, 2, 3] for p in of_class_0)
    assert all(sorted(p) == [4, 5, 6, 7, 8, 9, 10] for p in of_class_1)
    assert len(set(of_class_1)) == 20


def test_slides_of_a_class_once_each_before_any_twice():
    drawn = take(slide_order(LABELS, BAGS, seed=0, shuffle=True), 240)
    of_class_0 = passes(BAGS[drawn[::2]].tolist(), 2)
    of_class_1 = passes(BAGS[drawn[1::2]].tolist(), 3)

    assert all(sorted(p) == ['a', 'b'] for p in of_class_0)
    assert all(sorted(p) == ['c', 'd', 'e'] for p in of_class_1)
    assert len(set(of_class_1)) > 2


@pytest.mark.parametrize('slide', 'abcde')
def test_patches_of_a_slide_once_each_before_any_twice(slide):
    drawn = np.array(take(slide_order(LABELS, BAGS, seed=0, shuffle=True), 600))
    members = np.flatnonzero(np.isin(BAGS, slide))
    visits = passes(drawn[np.isin(BAGS[drawn], slide)].tolist(), len(members))[:-1]

    assert len(visits) > 20
    assert all(sorted(p) == members.tolist() for p in visits)
    assert len(members) == 1 or len(set(visits)) > 1


@pytest.mark.parametrize(
    'build',
    [
        lambda seed: plain_order(11, seed, True),
        lambda seed: patch_order(LABELS, seed, True),
        lambda seed: slide_order(LABELS, BAGS, seed, True),
    ],
    ids=['plain', 'patch', 'slide'],
)
def test_the_k_th_draw_depends_on_seed_and_k_alone(build):
    order, expected = build(5), take(build(5), 200)
    ks = np.random.default_rng(0).permutation(200)

    assert take(build(5), 200, start=150) == expected[150:]
    assert [order(k) for k in ks] == [expected[k] for k in ks]
    assert take(build(6), 200) != expected


def test_far_into_a_run_at_once():
    assert slide_order(LABELS, BAGS, 0, True)(10**9 + 1) in range(4, 11)


def test_without_shuffle_in_the_order_given():
    assert take(plain_order(3, 0, shuffle=False), 5) == [0, 1, 2, 0, 1]
    assert take(patch_order(LABELS, 0, shuffle=False), 6) == [0, 4, 1, 5, 2, 6]
    # c, d, e take turns; on the second round each gives its second patch.
    assert take(slide_order(LABELS, BAGS, 0, False), 10)[1::2] == [4, 6, 10, 5, 7]


def test_classes_do_not_share_their_order():
    labels = np.repeat([0, 1], 50)
    drawn = take(patch_order(labels, seed=0, shuffle=True), 100)

    assert [i - 50 for i in drawn[1::2]] != drawn[::2]


def test_the_draw_is_the_same_on_every_stack():
    # Drawn with numpy 1.26 and 2.4; a change would break resumed runs.
    expected = [3, 5, 1, 4, 0, 8, 2, 7, 0, 6, 3, 9, 1, 10]

    assert take(patch_order(LABELS, seed=1, shuffle=True), 14) == expected


def test_a_balanced_draw_is_balanced_over_patches_and_slides():
    drawn = take(slide_order(LABELS, BAGS, seed=0, shuffle=True), 2400)

    assert Counter(BAGS[drawn]) == {'a': 600, 'b': 600, 'c': 400, 'd': 400, 'e': 400}
