"""CLIP's ResNets: open_clip's class is the reference, OpenAI's names the layout."""

import pytest
import torch
from clip.model import CLIP

# Blocks a stage, width of the stem, width shared with text, side of the images.
SIZES = {
    'tiny': ((1, 2, 1, 1), 64, 48, 64),
    'RN50': ((3, 4, 6, 3), 64, 1024, 224),
    'RN101': ((3, 4, 23, 3), 64, 512, 224),
}
TEXT = {
    'context_length': 7,
    'vocab_size': 50,
    'transformer_width': 64,
    'transformer_heads': 1,
    'transformer_layers': 1,
}


@pytest.mark.parametrize(
    'size',
    ['tiny', *(pytest.param(s, marks=pytest.mark.long) for s in ('RN50', 'RN101'))],
)
def test_features(tmp_path, randomised, convert, built, assert_same, size):
    resnet = pytest.importorskip('open_clip.modified_resnet')
    layers, width, common, side = SIZES[size]
    reference = resnet.ModifiedResNet(layers, common, width * 32 // 64, side, width)
    reference = randomised(reference, 0)
    generator = torch.Generator().manual_seed(1)
    for name, buffer in reference.named_buffers():  # batch norms that have seen images
        if buffer.is_floating_point():
            drawn = torch.rand(buffer.shape, generator=generator)
            buffer.copy_(drawn + 0.5 if name.endswith('var') else drawn - 0.5)
    whole = CLIP(
        embed_dim=common,
        image_resolution=side,
        vision_layers=layers,
        vision_width=width,
        vision_patch_size=None,
        **TEXT,
    )
    state = {k: v for k, v in whole.state_dict().items() if not k.startswith('visual.')}
    tower = {f'visual.{k}': v for k, v in reference.state_dict().items()}
    torch.save({**state, **tower}, tmp_path / 'clip.pt')
    conversion = convert(tmp_path / 'clip.pt')
    images = torch.randn(1, 3, side, side, generator=generator)
    with torch.no_grad():
        assert_same(built(conversion)(images), reference(images))
