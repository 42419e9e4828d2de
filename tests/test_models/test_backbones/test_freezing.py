import torch
from mmcv.runner import BaseModule
from torch import nn

from cite.core.frozen import FreezingMixin, freeze


def test_freeze_takes_gradients_and_statistics_updates():
    module = freeze(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    module(torch.randn(4, 2))
    assert not any(p.requires_grad for p in module.parameters())
    assert torch.equal(module[1].running_mean, torch.zeros(2))


class Backbone(FreezingMixin, BaseModule):
    def __init__(self, fix):
        super().__init__()
        self.model = nn.Sequential(nn.Sequential(nn.BatchNorm2d(1), nn.Dropout()))
        self.fix = fix


def test_mode_of_a_fixed_and_of_an_ordinary_backbone():
    for fix in (True, False):
        backbone = Backbone(fix)
        assert backbone.train() is backbone
        assert backbone.training
        inner = [m.training for m in backbone.model.modules()]
        assert inner == [not fix] * 4
        backbone.eval()
        assert not any(m.training for m in backbone.modules())
