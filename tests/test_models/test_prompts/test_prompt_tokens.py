import math

import pytest
import torch

from cite.models.prompts.tokens import add, init_prompt, prepend, token_mean

# Two sequences of a class token (0), a register (1) and patches, one number wide.
TOKENS = torch.tensor([[0, 1, 2, 3, 4], [0, 1, 6, 7, 8]]).float()[..., None]
PROMPT = torch.tensor([[10], [20]]).float()


def drawn(how):
    torch.manual_seed(0)
    prompt = torch.full((4, 100, 50), 7.0)
    init_prompt(prompt, how)
    return prompt


def test_normal_has_the_released_spread():
    assert drawn('normal').std().item() == pytest.approx(0.02, rel=0.02)
    assert abs(drawn('normal').mean().item()) < 1e-3


def test_uniform_has_the_released_bounds():
    assert drawn('uniform').max().item() == pytest.approx(0.08, rel=0.01)
    assert drawn('uniform').min().item() == pytest.approx(-0.08, rel=0.01)
    assert drawn('uniform').std().item() == pytest.approx(
        0.16 / math.sqrt(12), rel=0.02
    )


def test_kaiming_is_torchs():
    expected = torch.empty(4, 100, 50)
    torch.manual_seed(0)
    torch.nn.init.kaiming_normal_(expected)
    assert torch.equal(drawn('kaiming'), expected)


def test_zero_and_token_start_at_zero():
    assert not drawn('zero').any()
    assert not drawn('token').any()


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('how', ['normal', 'uniform', 'zero', 'kaiming', 'token'])
def test_no_prompt_tokens_are_fine(how):
    init_prompt(torch.empty(1, 0, 8), how)


def test_token_mean_by_hand():
    tokens = torch.tensor([[[1.0, 10.0], [2.0, 20.0]], [[3.0, 30.0], [6.0, 0.0]]])
    assert token_mean(tokens).tolist() == [3.0, 15.0]
    half = token_mean(tokens.bfloat16())
    assert half.dtype == torch.float32
    assert half.tolist() == [3.0, 15.0]


def numbers(tokens):
    return tokens[..., 0].tolist()


def test_prepend_puts_prompts_between_leading_and_patch_tokens():
    assert numbers(prepend(TOKENS, PROMPT, start=1, replaced=0)) == [
        [0, 10, 20, 1, 2, 3, 4],
        [0, 10, 20, 1, 6, 7, 8],
    ]
    assert numbers(prepend(TOKENS, PROMPT, start=2, replaced=0)) == [
        [0, 1, 10, 20, 2, 3, 4],
        [0, 1, 10, 20, 6, 7, 8],
    ]


def test_prepend_replaces_the_tokens_of_the_block_before():
    assert numbers(prepend(TOKENS, PROMPT, start=1, replaced=2)) == [
        [0, 10, 20, 3, 4],
        [0, 10, 20, 7, 8],
    ]


def test_add_goes_round_and_leaves_an_incomplete_round_out():
    assert numbers(add(TOKENS, PROMPT, start=2)) == [
        [0, 1, 12, 23, 4],
        [0, 1, 16, 27, 8],
    ]
    assert numbers(add(TOKENS, PROMPT, start=1)) == [
        [0, 11, 22, 13, 24],
        [0, 11, 26, 17, 28],
    ]


def test_add_of_more_prompts_than_patches_changes_nothing():
    assert numbers(add(TOKENS, PROMPT, start=4)) == numbers(TOKENS)
