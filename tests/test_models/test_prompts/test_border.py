"""The padding prompt, against pixels worked out by hand."""

import pytest
import torch
from mmcv.runner import BaseModule

from cite.models.prompts import VisualPrompt
from cite.models.prompts.border import add_border


def numbered(length, side):
    """Strips whose every pixel is 1 (top), 2 (bottom), 3 (left) or 4 (right)."""
    values = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(4, 1, 1, 1)
    return values.expand(4, 3, length, side).clone()


def test_a_border_of_one_pixel():
    framed = add_border(torch.zeros(2, 3, 4, 5), numbered(1, 4))
    expected = [
        [1, 1, 1, 1, 1],
        [3, 0, 0, 0, 4],
        [3, 0, 0, 0, 4],
        [2, 2, 2, 2, 2],
    ]
    assert framed.shape == (2, 3, 4, 5)
    for image in framed:
        for channel in image:
            assert channel.tolist() == expected


def test_strips_lie_from_left_to_right_and_from_top_to_bottom():
    border = torch.zeros(4, 3, 1, 6)
    border[0] = torch.arange(6.0)
    # Six values for four rows between top and bottom: their middles, interpolated.
    border[2] = torch.arange(6.0)
    channel = add_border(torch.zeros(1, 3, 6, 6), border)[0, 1]
    assert channel[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert channel[1:5, 0].tolist() == [0.25, 1.75, 3.25, 4.75]


def test_other_sizes_are_stretched_to():
    border = torch.zeros(4, 3, 2, 2)
    border[0, :, :, 1] = 1
    channel = add_border(torch.zeros(1, 3, 6, 4), border)[0, 0]
    assert channel[0].tolist() == [0, 0.25, 0.75, 1]
    assert torch.equal(channel[0], channel[1])
    assert channel[2:].abs().sum() == 0


def test_too_small_images_are_an_error():
    with pytest.raises(ValueError, match=r'border of 3 pixels a side.*5x8'):
        add_border(torch.zeros(1, 3, 5, 8), numbered(3, 8))


class Backbone(VisualPrompt, BaseModule):
    def __init__(self, **kwargs):
        super().__init__()
        self.register_border(8, **kwargs)

    def forward(self, x):
        return self.frame(x)


def test_the_parameter_and_its_gradient():
    backbone = Backbone(length=2)
    assert backbone.prompt.shape == (4, 3, 2, 8)
    assert 0.015 < backbone.prompt.std() < 0.025
    backbone(torch.zeros(2, 3, 8, 8)).sum().backward()
    assert (backbone.prompt.grad != 0).all()
    plain = Backbone(length=0)
    images = torch.ones(1, 3, 8, 8)
    assert plain(images) is images
    assert not plain.prompt.requires_grad


def test_a_checkpoint_of_another_border_is_an_error():
    with pytest.raises(ValueError, match=r'shape \(4, 3, 1, 8\).*\(4, 3, 2, 8\)'):
        Backbone(length=2).load_state_dict(Backbone(length=1).state_dict())


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'init': 'token'}, 'averages tokens'),
        ({'layers': [0, 3]}, 'has no blocks'),
        ({'init': 'ones'}, 'choose one of'),
    ],
)
def test_options_without_meaning_are_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        Backbone(length=1, **options)
