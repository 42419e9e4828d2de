"""InternImage: its published definition, rewritten over a state dict, is the reference.

Source: Wang et al., CVPR 2023, section 3; names as in OpenGVLab's files.
"""

import pytest
import torch
from published_intern_image import Published

from cite.models.architectures import InternImageModel
from cite.models.backbones.intern_image import ARCHS

TINY = {'channels': 16, 'depths': (1, 2, 1, 1), 'groups': (1, 2, 4, 8)}


@pytest.mark.parametrize(
    'arch',
    [
        {**TINY, 'post_norm': False, 'layer_scale': False},
        {**TINY, 'post_norm': True, 'layer_scale': True},
        *(pytest.param(name, marks=pytest.mark.long) for name in ARCHS),
    ],
)
@torch.no_grad()
def test_features(tmp_path, randomised, convert, built, assert_same, arch):
    options = ARCHS[arch] if isinstance(arch, str) else arch
    model = randomised(InternImageModel(**options), 0)
    norm = model.conv_head[1][0]
    norm.running_mean.fill_(0.1)
    norm.running_var.fill_(2)
    state = model.state_dict()
    published = {**state, 'head.weight': torch.ones(2, 2), 'head.bias': torch.ones(2)}
    torch.save({'model': published}, tmp_path / 'internimage.pth')
    conversion = convert(tmp_path / 'internimage.pth')
    assert conversion.config == {'type': 'InternImage', 'arch': arch}
    assert conversion.dropped == ['head.weight', 'head.bias']
    side = 64 if isinstance(arch, dict) else 96
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    wanted = Published(state, options['groups'], options['post_norm'])(images)
    assert_same(built(conversion)(images), wanted)
    # The published file itself will do, too.
    assert_same(
        built(conversion, checkpoint=tmp_path / 'internimage.pth')(images), wanted
    )
