import hashlib

import torch
from torch import nn

from cite.core.frozen import frozen_digest, frozen_state, has_known_source


def backbone() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).requires_grad_(False)
    model.prompt = nn.Parameter(torch.zeros(1, 2, 4))
    model.register_buffer('prompt_initialized', torch.tensor(False))
    return model


def test_frozen_state_is_weights_and_statistics_but_not_the_prompt():
    assert {name for name, _ in frozen_state(backbone())} == {
        '0.weight',
        '0.bias',
        '1.weight',
        '1.bias',
        '1.running_mean',
        '1.running_var',
        '1.num_batches_tracked',
    }


def test_statistics_of_a_trained_part_are_not_frozen():
    model = backbone()
    model[1].requires_grad_(True)
    assert {name for name, _ in frozen_state(model)} == {'0.weight', '0.bias'}


def test_digest_is_sha256_of_sorted_names_shapes_and_values():
    layer = nn.Linear(2, 1).requires_grad_(False)
    layer.load_state_dict(
        {'weight': torch.tensor([[1.0, 2.0]]), 'bias': torch.zeros(1)}
    )
    values = torch.tensor([0.0]), torch.tensor([[1.0, 2.0]])
    sha = hashlib.sha256(b'bias(1,)' + values[0].numpy().tobytes())
    sha.update(b'weight(1, 2)' + values[1].numpy().tobytes())
    assert bytes(frozen_digest(layer).tolist()) == sha.digest()


def test_digest_of_half_weights_equals_that_of_the_same_in_single_precision():
    half = backbone().half()
    digest = frozen_digest(half)
    assert torch.equal(digest, frozen_digest(half.float()))


def test_digest_changes_with_any_weight_and_not_with_the_prompt():
    model = backbone()
    digest = frozen_digest(model)
    model.prompt.data.add_(1)
    assert torch.equal(digest, frozen_digest(model))
    model[1].running_var[2] += 1e-3
    assert not torch.equal(digest, frozen_digest(model))


def test_source_is_known_from_a_file_and_not_from_a_seed():
    model = backbone()
    assert not has_known_source(model)
    model.init_cfg = dict(type='Pretrained', checkpoint='vit.pth')
    assert has_known_source(model)
    model.init_cfg, model.weights_source = None, 'ViT-B/16'
    assert has_known_source(model)
