import torch

from cite.models.text_encoders.pooling import POOLINGS

# One text of three tokens, padded on either side, and without padding; the
# values in the padding must not matter.
TOKENS = torch.tensor([[1.0, 2.0], [3.0, 5.0], [8.0, 5.0]])
PADDING = torch.full((2, 2), 1e6)
PADDED = {
    'right': (torch.cat([TOKENS, PADDING]), [1, 1, 1, 0, 0]),
    'left': (torch.cat([PADDING, TOKENS]), [0, 0, 1, 1, 1]),
    'none': (TOKENS, [1, 1, 1]),
}


def test_the_first_the_last_and_the_mean_of_what_is_no_padding():
    expected = {
        'last_hidden_state': [1.0, 2.0],
        'last': [8.0, 5.0],
        'mean': [4.0, 4.0],
    }
    assert {*POOLINGS} == {*expected}
    for tokens, mask in PADDED.values():
        for key, values in expected.items():
            pooled = POOLINGS[key](tokens[None], torch.tensor([mask]))
            assert pooled.tolist() == [values]


def test_texts_of_a_batch_have_lengths_of_their_own():
    tokens = torch.stack([PADDED['right'][0], PADDED['left'][0]])
    masks = torch.tensor([PADDED['right'][1], [0, 1, 1, 1, 1]])
    assert POOLINGS['last'](tokens, masks).tolist() == [[8, 5], [8, 5]]
    assert POOLINGS['mean'](tokens, masks)[0].tolist() == [4, 4]
    assert POOLINGS['mean'](tokens, masks)[1].tolist() == [250003.0, 250003.0]
