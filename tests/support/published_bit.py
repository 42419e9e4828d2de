"""BiT as published: transformers' BiT, its weights under TensorFlow's names."""

import numpy as np
from torch import nn
from transformers import BitConfig, BitModel

SIZES = {
    '50x1': (1, [3, 4, 6, 3]),
    '152x2': (2, [3, 8, 36, 3]),
}


def build(size, randomised):
    factor, depths = SIZES[size]
    widths = [256 * factor * 2**i for i in range(4)]
    config = BitConfig(depths=depths, hidden_sizes=widths, embedding_size=64 * factor)
    model = randomised(BitModel(config), 0)
    for part in model.modules():
        if hasattr(part, 'eps') and isinstance(part, nn.Conv2d):
            part.eps = 1e-10  # bit_tf2/models.py of google-research/big_transfer
    return model


def variables(model, prefix):
    """Name and turn weights as BiT's TensorFlow does, with heads of training."""
    state = model.state_dict()
    found = {}

    def convolution(name, source):
        kernel = state[f'{source}.weight'].permute(2, 3, 1, 0)
        found[f'{name}/standardized_conv2d/kernel'] = kernel.numpy()

    def norm(name, source):
        for tf, own in (('gamma', 'weight'), ('beta', 'bias')):
            found[f'{name}group_norm/{tf}'] = state[f'{source}.{own}'].numpy()

    convolution('root_block', 'embedder.convolution')
    norm('', 'norm')
    for i, stage in enumerate(model.encoder.stages):
        for j, layer in enumerate(stage.layers):
            source = f'encoder.stages.{i}.layers.{j}'
            unit = f'block{i + 1}/unit{j + 1:02d}'
            for k, letter in enumerate('abc', start=1):
                convolution(f'{unit}/{letter}', f'{source}.conv{k}')
                norm(f'{unit}/{letter}/', f'{source}.norm{k}')
            if layer.downsample is not None:
                convolution(f'{unit}/a/proj', f'{source}.downsample.conv')
    found['head_contrastive/nl_0/dense/kernel'] = np.ones((2, 2), np.float32)
    found = {prefix + name: value for name, value in found.items()}
    return {**found, 'global_step': np.array(7)}
