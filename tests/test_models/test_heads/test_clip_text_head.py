import os
import shutil
from pathlib import Path

import clip.clip
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from clip.model import CLIP
from mmcls.models.builder import MODELS, build_head
from mmcv.runner import load_checkpoint, save_checkpoint
from mmcv.runner.checkpoint import load_state_dict

import cite.models.heads  # noqa: F401
from cite.models.heads.text_source import unpack
from cite.models.text_encoders import cache

pytestmark = pytest.mark.usefixtures('text_cache')
TEXTS = ['well differentiated', 'moderately differentiated', 'poorly differentiated']


@pytest.fixture(scope='module')
def reference():
    """CLIP's own class, small, with seeded random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIP(
            embed_dim=16,
            image_resolution=32,
            vision_layers=1,
            vision_width=64,
            vision_patch_size=16,
            context_length=77,
            vocab_size=49408,
            transformer_width=64,
            transformer_heads=1,
            transformer_layers=2,
        )
    return model.eval()


@pytest.fixture(scope='module')
def arch(reference, tmp_path_factory):
    path = tmp_path_factory.mktemp('clip') / 'tiny-clip.pt'
    torch.save(reference.state_dict(), path)
    return str(path)


@pytest.fixture
def head(arch):
    return build_head({'type': 'CLIPTextHead', 'arch': arch, 'texts': TEXTS})


@torch.no_grad()
def test_logits_are_clips_own(head, reference):
    torch.manual_seed(1)
    img = torch.randn(4, 3, 32, 32)
    expected, _ = reference(img, clip.clip.tokenize(TEXTS))  # (4, 3)
    logits = head(reference.encode_image(img))
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    scores = np.stack(head.simple_test((reference.encode_image(img),)))
    np.testing.assert_allclose(scores, expected.softmax(dim=1).numpy(), rtol=1e-5)


def test_nothing_to_train_and_nothing_kept_of_the_tower(head):
    assert head.state_dict() == {}
    loss = head.forward_train(torch.randn(2, 16), torch.tensor([0, 1]))['loss']
    assert list(head.parameters()) == []
    assert list(head.children()) == [head.compute_loss, head.compute_accuracy]
    names = ['logit_scale', 'text_embeddings', 'text_source']
    assert sorted(head.state_dict()) == names
    assert unpack(head.text_source)['model'] == 'tiny-clip'
    assert loss.dtype == torch.float32


def test_loss(head):
    torch.manual_seed(0)
    x, gt_label = torch.randn(3, 16), torch.tensor([0, 2, 1])
    losses = head.forward_train(x, gt_label)
    torch.testing.assert_close(losses['loss'], F.cross_entropy(head(x), gt_label))


def test_a_checkpoint_needs_no_text_tower(head, tmp_path, capsys):
    path = str(tmp_path / 'head.pth')
    x = torch.randn(2, 16)
    logits = head(x)
    save_checkpoint(head, path)
    again = build_head(
        {'type': 'CLIPTextHead', 'arch': '/gone/tiny-clip.pt', 'texts': TEXTS}
    )
    load_checkpoint(again, path, strict=True)
    assert torch.equal(again(x), logits)
    other = build_head({'type': 'CLIPTextHead', 'arch': 'RN50', 'texts': TEXTS})
    with pytest.raises(ValueError, match="'tiny-clip' in the checkpoint, 'RN50' in"):
        load_checkpoint(other, path)


@pytest.mark.parametrize('encoded_before', [False, True])
def test_released_state_dict_loads(head, capsys, encoded_before):
    if encoded_before:
        head.encode_texts()
    load_state_dict(head, {})
    head.load_state_dict({})
    assert capsys.readouterr().out == ''
    assert head(torch.randn(1, 16)).shape == (1, 3)


def test_next_process_reads_the_cache_and_not_the_tower(arch, tmp_path):
    path = Path(shutil.copy(arch, tmp_path / 'clip.pt'))
    config = {'type': 'CLIPTextHead', 'arch': str(path), 'texts': TEXTS}
    x = torch.randn(2, 16)
    logits = build_head(config)(x)
    stat = path.stat()
    path.write_bytes(bytes(stat.st_size))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    cache.forget()
    assert torch.equal(build_head(config)(x), logits)


def test_too_long_text(arch):
    head = build_head(
        {'type': 'CLIPTextHead', 'arch': arch, 'texts': ['tubular ' * 80, 'b']}
    )
    with pytest.raises(ValueError, match=r"longer than the 77 tokens.*'tubular tubul"):
        head.encode_texts()


def test_wrong_width(head):
    with pytest.raises(ValueError, match=r"are 7 wide, CLIP's text embeddings 16"):
        head(torch.randn(1, 7))


def test_published_names_and_their_files_are_one_model():
    encoder = MODELS.get('CLIPTextEncoder')
    for name, file in (
        ('ViT-B/16', 'elsewhere/ViT-B-16.pt'),
        ('ViT-L/14@336px', 'elsewhere/ViT-L-14-336px.pt'),
    ):
        assert encoder(name).source()['model'] == encoder(file).source()['model']
