"""The prompt's state in checkpoints, on a backbone of one layer."""

import copy
import datetime

import pytest
import torch
from mmcv.runner import BaseModule, save_checkpoint
from mmcv.runner.checkpoint import load_state_dict
from torch import distributed, multiprocessing, nn

from cite.models.prompts import VisualPrompt


class Backbone(VisualPrompt, BaseModule):
    def __init__(self, init='token', length=2, layers=None, init_cfg=None):
        super().__init__(init_cfg=init_cfg)
        self.embed = nn.Linear(3, 4)
        self.register_prompt(width=4, depth=2, length=length, layers=layers, init=init)

    def forward(self, x):
        tokens = self.embed(x)  # (N, T, 4)
        self.settle_prompt(tokens)
        for i in range(2):
            tokens = self.insert_prompt(tokens, i)
        return tokens


class Classifier(nn.Module):
    def __init__(self, **kwargs):
        super().__init__()
        self.backbone = Backbone(**kwargs)


def build(**kwargs):
    torch.manual_seed(kwargs.pop('seed', 0))
    return Classifier(**kwargs)


def batch(seed=0):
    return torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(seed))


def trained():
    model = build().train()
    model.backbone(batch())
    with torch.no_grad():
        model.backbone.prompt += 1  # as if an optimiser had stepped
    return model


def load(model, state, loader):
    if loader == 'mmcv':
        load_state_dict(model, state)  # prints what does not match
    else:
        model.load_state_dict(state, strict=True)


@pytest.mark.parametrize('loader', ['mmcv', 'torch'])
@pytest.mark.parametrize('init', ['token', 'normal'])
def test_a_loaded_prompt_is_not_initialised_again(loader, init, capsys):
    source = trained()
    loaded = build(seed=1, init=init)
    load(loaded, source.state_dict(), loader)
    assert capsys.readouterr().out == ''
    expected = source.backbone.eval()(batch(1))
    assert torch.equal(loaded.backbone.eval()(batch(1)), expected)
    # Nor does the first batch of a resumed training change it.
    assert torch.equal(loaded.backbone.train()(batch(1)), expected)


@pytest.mark.parametrize('loader', ['mmcv', 'torch'])
@pytest.mark.parametrize('init', ['token', 'normal'])
def test_a_released_prompt_counts_as_initialised(loader, init, capsys):
    state = {k: v.half() for k, v in trained().state_dict().items()}
    del state['backbone.prompt_initialized']  # the release knows no such entry
    names = {*state}
    loaded = build(seed=1, init=init)
    load(loaded, state, loader)
    assert capsys.readouterr().out == ''
    assert {*state} == names  # the caller's dict is left alone
    loaded.backbone.train()(batch(1))
    assert torch.equal(loaded.backbone.prompt, state['backbone.prompt'].float())
    assert loaded.backbone.prompt.dtype == torch.float32


@pytest.mark.parametrize('init', ['token', 'normal'])
def test_an_untouched_token_prompt_stays_untouched_in_a_checkpoint(init):
    loaded = build(init=init)
    loaded.backbone.train()(batch(1))  # in vain: it is then loaded over
    loaded.load_state_dict(build(seed=2).state_dict())
    assert not loaded.backbone.prompt.any()
    loaded.backbone.train()(batch())
    expected = loaded.backbone.embed(batch()).mean((0, 1))
    torch.testing.assert_close(loaded.backbone.prompt, expected.expand(1, 2, 4))


def test_a_checkpoint_without_prompt_is_reported_with_one_name(capsys):
    state = {k: v for k, v in trained().state_dict().items() if 'prompt' not in k}
    load_state_dict(build(), copy.copy(state))
    out = capsys.readouterr().out
    assert 'missing keys in source state_dict: backbone.prompt\n' in out
    with pytest.raises(RuntimeError, match=r'Missing key.*"backbone\.prompt"\. '):
        build().load_state_dict(state)


@pytest.mark.parametrize('init', ['token', 'normal'])
def test_pretrained_weights_leave_the_prompt_as_it_is(tmp_path, init, caplog):
    path = str(tmp_path / 'pretrained.pth')
    pretrained = nn.Module()
    pretrained.embed = nn.Linear(3, 4)
    save_checkpoint(pretrained, path)
    backbone = build(
        init=init, init_cfg={'type': 'Pretrained', 'checkpoint': path}
    ).backbone
    before = backbone.prompt.detach().clone()
    backbone.init_weights()
    assert 'missing' not in caplog.text
    assert torch.equal(backbone.embed.weight, pretrained.embed.weight)
    assert torch.equal(backbone.prompt, before)
    assert bool(backbone.prompt_initialized) == (init == 'normal')
    # Only pretraining may lack a prompt, and only that.
    with pytest.raises(RuntimeError, match='prompt'):
        backbone.load_state_dict(pretrained.state_dict())


@pytest.mark.parametrize('loader', ['mmcv', 'torch'])
def test_a_prompt_of_another_shape_is_an_error(loader):
    message = r'shape \(1, 2, 4\).*model one of \(2, 3, 4\)'
    with pytest.raises(ValueError, match=message):
        load(build(length=3, layers=[0, 1]), trained().state_dict(), loader)


def test_evaluation_batches_do_not_initialise():
    model = build()
    with pytest.warns(UserWarning, match='seen none'):
        model.backbone.eval()(batch(1))
    model.backbone.train()(batch())
    expected = model.backbone.embed(batch()).mean((0, 1))
    torch.testing.assert_close(model.backbone.prompt, expected.expand(1, 2, 4))


def test_a_prompt_is_trained_and_an_empty_one_is_not():
    assert build(length=2).backbone.prompt.requires_grad
    assert not build(length=0).backbone.prompt.requires_grad


def test_copies_and_casts_keep_the_state():
    model = copy.deepcopy(trained()).half().float()
    model.backbone.train()(batch(1))
    expected = trained().backbone.prompt.half().float()
    assert torch.equal(model.backbone.prompt, expected)


def train_as_rank(rank, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=2,
        timeout=datetime.timedelta(seconds=60),
    )
    joint = torch.cat([batch(), batch(1)])  # 4 images, shared out unevenly
    model = build().train()
    model.backbone(joint[:3] if rank == 0 else joint[3:])
    model.backbone(joint)
    torch.save(model.state_dict(), f'{folder}/{rank}.pt')
    distributed.destroy_process_group()


def test_two_ranks_start_from_the_mean_of_their_joint_batch(tmp_path):
    # Forked, since a new interpreter would take seconds to import torch.
    multiprocessing.start_processes(
        train_as_rank, args=(str(tmp_path),), nprocs=2, start_method='fork'
    )
    one = build().train()
    one.backbone(torch.cat([batch(), batch(1)]))
    states = [torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1)]
    prompts = [state['backbone.prompt'] for state in states]
    assert torch.equal(*prompts)
    torch.testing.assert_close(prompts[0], one.backbone.prompt, rtol=1e-6, atol=1e-8)
    assert all(state['backbone.prompt_initialized'] for state in states)
