import torch

from cite.models.prompts.insertion import add, prepend

# Two sequences of a class token (0), a register (1) and patches, one number wide.
TOKENS = torch.tensor([[0, 1, 2, 3, 4], [0, 1, 6, 7, 8]]).float()[..., None]
PROMPT = torch.tensor([[10], [20]]).float()


def numbers(tokens):
    return tokens[..., 0].tolist()


def test_prepend_stands_between_leading_and_patch_tokens():
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
