"""Google's npz files, against timm's own reader of them."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

WIDTH, HEADS, HIDDEN, PATCH, BLOCKS = 32, 4, 128, 8, 3


def google_arrays(prefix=''):
    """Random arrays under the published names, in flax's order of dimensions."""
    rng = np.random.default_rng(0)
    shapes = {
        'cls': (1, 1, WIDTH),
        'embedding/kernel': (PATCH, PATCH, 3, WIDTH),
        'embedding/bias': (WIDTH,),
        'Transformer/posembed_input/pos_embedding': (1, 17, WIDTH),
        'Transformer/encoder_norm/scale': (WIDTH,),
        'Transformer/encoder_norm/bias': (WIDTH,),
        'head/kernel': (WIDTH, 5),
        'head/bias': (5,),
        'pre_logits/kernel': (WIDTH, WIDTH),
        'pre_logits/bias': (WIDTH,),
    }
    for i in range(BLOCKS):
        block = f'Transformer/encoderblock_{i}/'
        attention = block + 'MultiHeadDotProductAttention_1/'
        for part in ('query', 'key', 'value'):
            shapes[f'{attention}{part}/kernel'] = (WIDTH, HEADS, WIDTH // HEADS)
            shapes[f'{attention}{part}/bias'] = (HEADS, WIDTH // HEADS)
        shapes[f'{attention}out/kernel'] = (HEADS, WIDTH // HEADS, WIDTH)
        shapes[f'{attention}out/bias'] = (WIDTH,)
        for norm in ('LayerNorm_0', 'LayerNorm_2'):
            shapes[f'{block}{norm}/scale'] = (WIDTH,)
            shapes[f'{block}{norm}/bias'] = (WIDTH,)
        shapes[f'{block}MlpBlock_3/Dense_0/kernel'] = (WIDTH, HIDDEN)
        shapes[f'{block}MlpBlock_3/Dense_0/bias'] = (HIDDEN,)
        shapes[f'{block}MlpBlock_3/Dense_1/kernel'] = (HIDDEN, WIDTH)
        shapes[f'{block}MlpBlock_3/Dense_1/bias'] = (WIDTH,)
    return {
        prefix + name: rng.normal(0, 0.2, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize('prefix', ['', 'opt/target/'])
def test_features_are_those_of_timms_reader(
    tmp_path, tiny_vit, images, convert, to, vit_features, assert_same, prefix
):
    np.savez(tmp_path / 'B_8.npz', **google_arrays(prefix))
    # flax's gelu: approximated by tanh.
    reference = tiny_vit(act_layer=partial(nn.GELU, approximate='tanh'))
    reference.load_pretrained(str(tmp_path / 'B_8.npz'))
    conversion = convert(tmp_path / 'B_8.npz', target=to)
    assert conversion.layout == 'augreg'
    # These arrays have a dimension of heads, so their number is not a guess.
    found = conversion.config.get('arch', conversion.config)
    assert found['num_heads'] == HEADS
    assert [note[:18] for note in conversion.notes] == (
        ['mmcls interpolates'] if to == 'mmcls' else []
    )
    assert (conversion.stats.mean, conversion.stats.interpolation) == (
        (0.5,) * 3,
        'bilinear',
    )
    with torch.no_grad():
        wanted = reference.forward_features(images)
    assert_same(vit_features(conversion, images, heads=HEADS), wanted)


def test_a_hybrid_with_a_convolutional_stem_is_refused(tmp_path, convert):
    arrays = google_arrays()
    arrays['conv_root/kernel'] = np.zeros((7, 7, 3, 8), np.float32)
    np.savez(tmp_path / 'R_B_8.npz', **arrays)
    with pytest.raises(ValueError, match='conv_root'):
        convert(tmp_path / 'R_B_8.npz')


def test_pickles_in_an_npz_are_not_run(tmp_path, convert):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / 'sprung'), 'w'))

    np.savez(tmp_path / 'trap.npz', cls=np.array([Trap()], dtype=object))
    with pytest.raises(ValueError, match='not an npz of plain arrays'):
        convert(tmp_path / 'trap.npz')
    assert not (tmp_path / 'sprung').exists()
