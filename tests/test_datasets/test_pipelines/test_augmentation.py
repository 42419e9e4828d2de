from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import ColorJitter, RandomRotation

from cite.core.seeding import random_words
from cite.datasets.pipelines import PatchGastricPipeline
from cite.datasets.pipelines.augmentation import Augmenter, RandomQuarterTurn
from cite.datasets.samplers import Draw
from cite.models.classifiers.normalize import normalize

JITTER = ColorJitter(brightness=0.2, saturation=(0.8, 1.2), hue=0.1)


def test_turns_are_repeated_rotations_by_90_degrees_each_as_likely(patch):
    image = Image.open(patch)
    turned = [image]
    for _ in range(3):
        turned.append(RandomRotation((90, 90))(turned[-1]))
    number = {np.asarray(turn).tobytes(): r for r, turn in enumerate(turned)}
    assert len(number) == 4

    torch.manual_seed(0)
    turn = RandomQuarterTurn()
    counts = Counter(number[np.asarray(turn(image)).tobytes()] for _ in range(800))

    # 4 standard deviations of a binomial with p = 1/4 are 49.
    assert all(abs(counts[r] - 200) < 49 for r in range(4))


def test_a_draw_s_words_are_its_augmentation_by_arithmetic():
    words = random_words(3, 70, 1)[0].tolist()
    drawn = Augmenter(JITTER).of(Draw(0, 70, 3))

    shares = [(word // 2**11) / 2**53 for word in words[:3]]
    assert np.isclose(drawn.brightness, 0.8 + 0.4 * shares[0])
    assert np.isclose(drawn.saturation, 0.8 + 0.4 * shares[1])
    assert np.isclose(drawn.hue, -0.1 + 0.2 * shares[2])
    orders = [(0, 2, 3), (0, 3, 2), (2, 0, 3), (2, 3, 0), (3, 0, 2), (3, 2, 0)]
    assert (*drawn.order,) == orders[words[3] // 2**32 % 6]
    assert (drawn.flip_x, drawn.flip_y) == (words[3] % 2 == 1, words[3] // 2 % 2 == 1)
    assert drawn.turn == words[3] // 4 % 4


def test_draws_are_the_same_in_any_order_and_differ_by_seed_and_k():
    places = [(0, k) for k in range(200)] + [(1, k) for k in range(200)]
    forward, backward = Augmenter(JITTER), Augmenter(JITTER)
    drawn = {place: forward.of(Draw(0, place[1], place[0])) for place in places}

    for seed, k in [*places[::-7], (0, 0)]:
        again = backward.of(Draw(5, k, seed))
        assert str(again) == str(drawn[seed, k])
    assert str(backward.of(Draw(5, 0, 1))) == str(drawn[1, 0])  # right after (0, 0)
    assert len({drawing[1:4] for drawing in drawn.values()}) == len(places)


def test_every_value_of_an_augmentation_is_equally_likely():
    augmenter, n = Augmenter(JITTER), 6000
    drawn = [augmenter.of(Draw(0, k, 0)) for k in range(n)]

    for get, values in (
        (lambda a: (*a.order,), 6),
        (lambda a: (a.flip_x, a.flip_y, a.turn), 16),
        (lambda a: int((a.brightness - 0.8) / 0.04), 10),
        (lambda a: int((a.saturation - 0.8) / 0.04), 10),
        (lambda a: int((a.hue + 0.1) / 0.02), 10),
    ):
        counts = Counter(map(get, drawn))
        assert len(counts) == values
        # Five standard deviations of a binomial.
        spread = 5 * (n / values * (1 - 1 / values)) ** 0.5
        assert max(abs(count - n / values) for count in counts.values()) < spread


@pytest.mark.parametrize('saturation', [0, 0.0, (1, 1)])
@pytest.mark.parametrize('draw', [None, Draw(0, 70, 3)])
def test_without_jitter_of_saturation_all_backends_agree(patch, saturation, draw):
    images = []
    for backend in ('pillow', 'fast'):
        step = PatchGastricPipeline(size=32, saturation=saturation, backend=backend)
        torch.manual_seed(4)
        done = step({'img_info': {'filename': str(patch)}, 'draw': draw})
        norm, image = done.get('img_norm_cfg'), done['img']
        images.append(normalize(image[None], [done])[0] if norm else image)
    assert torch.equal(*images)
    if draw is not None:
        with_jitter = Augmenter(JITTER).of(draw)
        without = Augmenter(ColorJitter(0.2, 0, saturation, 0.1)).of(draw)
        assert without.saturation == 1
        assert without.hue == with_jitter.hue
