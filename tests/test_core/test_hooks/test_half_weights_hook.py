import logging

import pytest
import torch
from torch.utils.data import DataLoader

from cite.core.runners import IterBasedRunner


class Slope(torch.nn.Module):
    """A weight whose loss has slope 1."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.frozen = torch.nn.Parameter(torch.tensor([1e-9]), requires_grad=False)

    def train_step(self, data, optimizer):
        return {'loss': self.weight.sum(), 'log_vars': {}, 'num_samples': 1}


class Numbers(list):
    CLASSES = None


def train(folder, lr, hooks):
    model = Slope()
    runner = IterBasedRunner(
        model,
        optimizer=torch.optim.SGD([model.weight], lr=lr),
        logger=logging.getLogger('half'),
        work_dir=str(folder),
        max_iters=8,
    )
    runner.register_training_hooks(
        lr_config={'policy': 'fixed', 'by_epoch': False},
        optimizer_config={'grad_clip': None},
        custom_hooks_config=hooks,
    )
    runner.run([DataLoader(Numbers([0, 1]))], [('train', 1)])
    return model


# Between 0.5 and 1, half precision has steps of 2 ** -11, and 1 - 2 ** -13 rounds to 1.
@pytest.mark.parametrize(
    ('lr', 'with_hook'), [(2.0**-13, 1.0), (2.0**-11, 1 - 8 * 2.0**-11)]
)
def test_updates_below_half_a_step_are_lost(tmp_path, lr, with_hook):
    hook = {'type': 'HalfWeightsHook', 'priority': 'ABOVE_NORMAL'}
    rounded = train(tmp_path, lr, [hook])
    assert rounded.weight.item() == with_hook
    assert rounded.frozen.item() == torch.tensor(1e-9).item()
    assert train(tmp_path, lr, []).weight.item() == 1 - 8 * lr
