import math

import pytest
import torch

from cite.models.prompts.initialisation import init_prompt, token_mean


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
