import pytest

from cite.core.messages import check_choice
from cite.models.prompts.tokens import INITS
from cite.models.prompts.visual_prompt import check_layers, check_length


def test_layers_are_the_first_by_default_and_else_as_listed():
    assert check_layers(None, depth=12) == [0]
    assert check_layers((3, 0), depth=12) == [3, 0]


@pytest.mark.parametrize(
    ('layers', 'message'),
    [
        ([12], r'\[12\], but this backbone has 12 blocks, numbered 0 to 11'),
        ([0, -1], r'names \[-1\]'),
        ([1.5], r'names \[1\.5\]'),
        ([2, 2], r'each once'),
        ([], r'at least one block'),
        (3, r'give a list: \[3\]'),
    ],
)
def test_layers_outside_the_depth_twice_or_none(layers, message):
    with pytest.raises(ValueError, match=message):
        check_layers(layers, depth=12)


@pytest.mark.parametrize('length', [-1, 1.0, True, '1'])
def test_lengths_that_make_no_sense(length):
    with pytest.raises(ValueError, match='prompt_length'):
        check_length(length)
    assert check_length(0) == 0


def test_a_choice_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"prompt_pos is 'left'.*\['prepend'\]"):
        check_choice('prompt_pos', 'left', ['prepend'])
    with pytest.raises(ValueError, match="'normal', 'uniform', 'zero', 'kaiming'"):
        check_choice('prompt_init', 'xavier', INITS)
