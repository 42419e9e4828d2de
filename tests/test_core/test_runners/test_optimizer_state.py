"""A damaged or foreign state of an optimizer is refused before the first step."""

import copy

import pytest
import torch

from cite.core.runners.resuming import check_meta, load_optimizer


def trained(kind=torch.optim.SGD, **settings):
    weight = torch.nn.Parameter(torch.ones(2, 64))
    optimizer = kind([weight, torch.nn.Parameter(torch.ones(3))], lr=0.1, **settings)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    return optimizer


@pytest.mark.parametrize(
    ('kind', 'settings'),
    [
        (torch.optim.SGD, {'momentum': 0.9}),
        (torch.optim.AdamW, {'amsgrad': True}),
        (torch.optim.RMSprop, {}),
        (torch.optim.Adagrad, {}),
        (torch.optim.LBFGS, None),
    ],
)
def test_its_own_state_is_loaded(kind, settings):
    if settings is None:
        optimizer = kind([torch.nn.Parameter(torch.ones(2))])
    else:
        optimizer = trained(kind, **settings)
    saved = copy.deepcopy(optimizer.state_dict())
    load_optimizer(optimizer, saved, 'x.pth')
    assert str(optimizer.state_dict()) == str(saved)


@pytest.mark.parametrize(
    'state',
    [
        [1],
        None,
        {0: {'momentum_buffer': torch.zeros(3, 5)}},
        {0: {'momentum_buffer': torch.zeros(64, 2)}},
        {0: {'momentum_buffer': 'x'}},
        {0: {'momentum_buffer': [torch.zeros(2, 64)]}},
        {0: [torch.zeros(2, 64)]},
        {7: {}},
        {'0': {}},
    ],
)
def test_another_state_is_refused_with_the_file(state):
    optimizer = trained(momentum=0.9)
    saved = {**copy.deepcopy(optimizer.state_dict()), 'state': state}
    with pytest.raises(ValueError, match=r'x\.pth: the state .*load_from'):
        load_optimizer(optimizer, saved, 'x.pth')


@pytest.mark.parametrize('setting', ['x', None, float('nan'), [0.1], 10**400])
def test_a_setting_that_is_no_number_is_refused(setting):
    optimizer = trained(momentum=0.9)
    saved = copy.deepcopy(optimizer.state_dict())
    saved['param_groups'][0]['lr'] = setting
    if setting is None:
        saved['param_groups'][0]['params'] = [0, 0]
    with pytest.raises(ValueError, match=r'x\.pth'):
        load_optimizer(optimizer, saved, 'x.pth')


def test_deep_messages_are_refused():
    deep = []
    for _ in range(3000):
        deep = [deep]
    with pytest.raises(ValueError, match=r'x\.pth: its hook_msgs'):
        check_meta('x.pth', {'iter': 1, 'hook_msgs': {'a': deep}})
