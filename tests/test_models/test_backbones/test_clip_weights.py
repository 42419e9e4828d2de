import hashlib

import clip.clip
import pytest
import torch
from clip.model import build_model
from torch import nn

from cite.core.files import clip_files
from cite.models.backbones.clip_weights import load_clip, load_visual


@pytest.fixture
def tokens():
    return torch.arange(32).reshape(2, 16)


@pytest.mark.parametrize('kind', ['vit', 'resnet'])
def test_both_towers_are_those_of_the_checkpoint(kind, images, tokens, request):
    source = request.getfixturevalue(f'clip_{kind}')
    loaded = load_clip(request.getfixturevalue(f'{kind}_file'))
    x = images(2, source.visual.input_resolution)
    assert torch.equal(loaded.encode_image(x), source.encode_image(x))
    assert torch.equal(loaded.encode_text(tokens), source.encode_text(tokens))
    assert torch.equal(loaded.logit_scale, source.logit_scale)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())


def test_weights_are_not_rounded_to_half_as_clip_load_does(clip_vit, vit_file):
    name = 'visual.transformer.resblocks.0.mlp.c_fc.weight'
    exact = clip_vit.state_dict()[name]
    rounded = build_model(dict(clip_vit.state_dict())).float().state_dict()[name]
    assert not torch.equal(rounded, exact)
    assert torch.equal(load_clip(vit_file).state_dict()[name], exact)


def test_half_precision_checkpoints_fill_single_precision_parameters(
    clip_vit, tmp_path
):
    state = {k: v.half() for k, v in clip_vit.state_dict().items()}
    torch.save(state, tmp_path / 'half.pt')
    visual = load_visual(str(tmp_path / 'half.pt'))
    assert {p.dtype for p in visual.parameters()} == {torch.float32}
    assert torch.equal(visual.proj, state['visual.proj'].float())


class _Archive(nn.Module):
    """Bears what OpenAI's archives do: both towers and three facts as buffers."""

    def __init__(self, model):
        super().__init__()
        for name, child in model.named_children():
            self.add_module(name, child)
        for name, parameter in model.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        for name in ('input_resolution', 'context_length', 'vocab_size'):
            self.register_buffer(name, torch.tensor(1))

    def forward(self, x):
        return self.visual(x)


@pytest.mark.parametrize('form', ['nested', 'archive', 'visual only'])
def test_other_forms_of_a_checkpoint(clip_vit, tmp_path, images, form):
    path = tmp_path / 'clip.pt'
    state = clip_vit.state_dict()
    if form == 'nested':
        torch.save({'state_dict': state, 'epoch': 3}, path)
    elif form == 'archive':
        torch.jit.trace(_Archive(clip_vit), images(1)).save(str(path))
    else:
        torch.save({k: v for k, v in state.items() if k.startswith('visual.')}, path)
    assert torch.equal(load_visual(str(path))(images()), clip_vit.visual(images()))


def test_image_tower_of_pmc_clip(clip_resnet, tmp_path, images):
    """The published file: from distributed training, a BERT beside the ResNet."""
    state = {
        f'module.visual.{key}': value
        for key, value in clip_resnet.visual.state_dict().items()
    }
    state['module.text_encoder.embeddings.LayerNorm.weight'] = torch.ones(2)
    torch.save({'epoch': 3, 'state_dict': state}, tmp_path / 'checkpoint.pt')
    visual = load_visual(str(tmp_path / 'checkpoint.pt'))
    x = images(2, clip_resnet.visual.input_resolution)
    assert torch.equal(visual(x), clip_resnet.visual(x))


def test_a_checkpoint_of_another_model_is_refused(tmp_path, vit_file):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / 'linear.pt')
    message = r'linear\.pt is not an OpenAI CLIP checkpoint: missing visual\.conv1'
    for load in (load_clip, load_visual):
        with pytest.raises(ValueError, match=message):
            load(str(tmp_path / 'linear.pt'))
    torch.save(torch.zeros(3), tmp_path / 'tensor.pt')
    with pytest.raises(ValueError, match='holds a Tensor instead of a state dict'):
        load_clip(str(tmp_path / 'tensor.pt'))
    state = torch.load(vit_file)
    visual = {k: v for k, v in state.items() if k.startswith('visual.')}
    torch.save(visual, tmp_path / 'visual.pt')
    with pytest.raises(ValueError, match='missing text_projection'):
        load_clip(str(tmp_path / 'visual.pt'))
    del visual['visual.ln_post.bias']
    torch.save(visual, tmp_path / 'visual.pt')
    with pytest.raises(ValueError, match=r'Missing key.*ln_post\.bias'):
        load_visual(str(tmp_path / 'visual.pt'))


def test_an_unknown_name_lists_those_that_exist():
    with pytest.raises(FileNotFoundError, match=r"'ViT-B16' is neither .* ViT-B/16"):
        load_clip('ViT-B16')
    command = r'MODEL_ZOO.*cite convert SOURCE models/plip\.pt --from clip'
    with pytest.raises(FileNotFoundError, match=command):
        load_clip('models/plip.pt')


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Let the published ViT-B/16 be at an address where nothing is as yet."""
    cache = tmp_path / 'cache'
    monkeypatch.setattr(clip_files, 'CACHE', str(cache))

    def publish(checksum):
        url = (tmp_path / checksum / 'ViT-B-16.pt').as_uri()
        monkeypatch.setitem(clip.clip._MODELS, 'ViT-B/16', url)
        return tmp_path / checksum / 'ViT-B-16.pt', cache / 'ViT-B-16.pt'

    return publish


def test_a_name_is_downloaded_once_into_the_cache(
    published, vit_file, clip_vit, images
):
    with open(vit_file, 'rb') as file:
        content = file.read()
    remote, cached = published(hashlib.sha256(content).hexdigest())
    remote.parent.mkdir()
    remote.write_bytes(content)
    for _ in range(2):
        visual = load_visual('ViT-B/16')
        assert torch.equal(visual(images()), clip_vit.visual(images()))
        remote.unlink(missing_ok=True)  # the second time comes from the cache
    assert [file.name for file in cached.parent.iterdir()] == [cached.name]


def test_a_failed_download_says_what_to_put_where(published):
    remote, cached = published('0' * 64)
    with pytest.raises(FileNotFoundError) as error:
        load_visual('ViT-B/16')
    assert remote.as_uri() in str(error.value)
    assert str(cached) in str(error.value)
    assert not list(cached.parent.iterdir())


def test_a_download_with_another_checksum_is_not_kept(published):
    remote, cached = published('0' * 64)
    remote.parent.mkdir()
    remote.write_bytes(b'something else')
    with pytest.raises(FileNotFoundError, match='checksum'):
        load_visual('ViT-B/16')
    assert not cached.exists()


@pytest.mark.parametrize(
    ('arch', 'message'),
    [
        ('ViT-B/166', r"ViT-L/14@336px\. Did you mean 'ViT-B/16'\?$"),
        ('RN5', r"Did you mean 'RN50'\?$"),
        ('openai/clip-vit-base-patch16', "take type='TransformersImageBackbone'"),
        ('models/clip.pt', 'There is no folder models.*--from clip` writes the file'),
    ],
)
def test_an_unknown_name_is_told_from_a_missing_file(
    tmp_path, monkeypatch, arch, message
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=message) as raised:
        load_visual(arch)
    assert ('cite convert' in str(raised.value)) == arch.endswith('.pt')
