from collections import Counter

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import RandomRotation

from cite.datasets.pipelines.augmentation import RandomQuarterTurn


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
