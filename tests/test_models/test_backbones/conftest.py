"""Small CLIPs with seeded random weights, and images for them."""

import pytest
import torch

# Side of the images, side of a ViT's patches, width and depth of both towers.
VIT = {
    'image_resolution': 32,
    'vision_patch_size': 8,
    'vision_width': 64,
    'vision_layers': 4,
}
RESNET = {
    'image_resolution': 64,
    'vision_patch_size': None,
    'vision_width': 8,
    'vision_layers': (1, 1, 1, 1),
}
TEXT = {
    'embed_dim': 24,
    'context_length': 16,
    'vocab_size': 50,
    'transformer_width': 64,
    'transformer_heads': 1,
    'transformer_layers': 1,
}


def _clip(seed, **vision):
    from clip.model import CLIP  # not above: cite is imported before it

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIP(**vision, **TEXT)
        # As at birth, biases are zero and statistics those of a standard normal.
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point() and 'running_var' not in name:
                tensor.add_(0.05 * torch.randn_like(tensor))
    return model.eval()


@pytest.fixture(scope='session')
def clip_vit():
    """Return a CLIP with a ViT: 4 blocks, 64 wide, patches of 8, images of 32."""
    return _clip(0, **VIT)


@pytest.fixture(scope='session')
def clip_resnet():
    """Return a CLIP with a ResNet for images of 64."""
    return _clip(1, **RESNET)


@pytest.fixture(scope='session')
def vit_file(clip_vit, tmp_path_factory):
    """Return the path of the ViT's checkpoint, a plain state dict."""
    path = tmp_path_factory.mktemp('clip') / 'vit.pt'
    torch.save(clip_vit.state_dict(), path)
    return str(path)


@pytest.fixture(scope='session')
def resnet_file(clip_resnet, tmp_path_factory):
    """Return the path of the ResNet's checkpoint, a plain state dict."""
    path = tmp_path_factory.mktemp('clip') / 'resnet.pt'
    torch.save(clip_resnet.state_dict(), path)
    return str(path)


@pytest.fixture
def images():
    """Return the function that draws seeded images (N, 3, H, W)."""

    def draw(count=3, height=32, width=None, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(count, 3, height, width or height, generator=generator)

    return draw
