import torch

from cite.models.text_encoders.base_text_encoder import POOLINGS


def test_the_first_the_last_and_the_mean_of_a_texts_tokens():
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 5.0], [8.0, 5.0]]])
    expected = {
        'last_hidden_state': [1.0, 2.0],
        'last': [8.0, 5.0],
        'mean': [4.0, 4.0],
    }
    assert {*POOLINGS} == {*expected}
    for key, values in expected.items():
        assert POOLINGS[key](tokens).tolist() == [values]
