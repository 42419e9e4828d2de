"""Speed does not change results: everything on, against the plain fp32 path."""

import pytest
import torch
from clip.model import CLIP
from mmcls.models import build_backbone, build_classifier

import cite  # noqa: F401
from cite.models import precision
from cite.models.precision import CPU_FLAGS, compute_dtype, cpu_bf16

# bf16 keeps 8 bits: a unit roundoff of 2**-8. Features of a ViT come out with a
# relative error of about that (docs/BENCHMARK.md), cosines to about that, logits are
# 100 times cosines.
COSINE_TOLERANCE = 2**-7
TEXTS = ['well', 'moderately', 'poorly']


@pytest.fixture(scope='module')
def arch(tmp_path_factory):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIP(32, 64, 6, 128, 16, 77, 49408, 64, 1, 1)
        torch.save(model.state_dict(), tmp_path_factory.mktemp('clip') / 'clip.pt')
    return str(next(tmp_path_factory.getbasetemp().glob('clip*/clip.pt')))


@pytest.fixture(scope='module')
def images():
    return torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def build(arch, tiny_bert, text_cache, **kwargs):
    torch.manual_seed(1)
    return build_classifier(
        dict(
            type='CITEClassifier',
            backbone=dict(
                type='PromptedCLIPImageBackbone', arch=arch, prompt_init='token'
            ),
            neck=dict(
                type='ProjectionNeck',
                in_features=32,
                out_features=32,
                init='normal_identity',
                float16=True,
            ),
            head=dict(
                type='TextEmbeddingHead',
                texts=TEXTS,
                temperature=4.6052,
                float16=True,
                text_encoder=dict(type='BERT', model=str(tiny_bert)),
            ),
            **kwargs,
        )
    )


def plain_logits(model, images):
    """Compute logits in fp32 with CLIP's own blocks and no shortcut."""
    vit, texts = model.backbone.model, model.head.encode_texts()
    x = vit.conv1(images).flatten(2).transpose(1, 2)
    x = torch.cat([vit.class_embedding.expand(len(x), 1, -1), x], 1)
    x = vit.ln_pre(x + vit.positional_embedding)
    prompt = model.backbone.prompt[0].expand(len(x), -1, -1)
    x = torch.cat([x[:, :1], prompt, x[:, 1:]], 1)
    x = vit.transformer(x.transpose(0, 1))[0]
    x = vit.ln_post(x) @ vit.proj @ model.neck.weight.t() + model.neck.bias
    return 100 * torch.nn.functional.cosine_similarity(x[:, None], texts[None], dim=-1)


@pytest.mark.parametrize('asked', ['fp32', 'bf16', 'auto'])
def test_logits_are_those_of_the_plain_path(arch, images, tiny_bert, text_cache, asked):
    model = build(arch, tiny_bert, text_cache, precision=asked).train()
    loss = model(images, gt_label=torch.tensor([0, 1, 2, 0, 1, 2]))['loss']
    expected = plain_logits(model, images)
    expected_loss = torch.nn.functional.cross_entropy(
        expected, torch.tensor([0, 1, 2, 0, 1, 2])
    )
    with torch.no_grad():
        scores = model.eval().simple_test(images, softmax=False, post_process=False)
    tolerance = 1e-3 if asked == 'fp32' else 100 * COSINE_TOLERANCE
    torch.testing.assert_close(scores, expected.detach(), rtol=0, atol=tolerance)
    assert loss.item() == pytest.approx(expected_loss.item(), abs=2 * tolerance)
    assert expected.std() > tolerance  # the bound says something about these logits


def test_auto_on_a_cpu_goes_by_its_instructions(tmp_path, monkeypatch):
    info = tmp_path / 'cpuinfo'
    monkeypatch.setattr(precision, '_CPU_INFO', info)
    cpu = torch.device('cpu')
    for flags, name, dtype in [
        ('fpu avx2 avx512f', None, None),
        ('fpu avx512f avx512_bf16', 'avx512_bf16', torch.bfloat16),
        ('avx512_bf16 amx_bf16', 'amx_bf16', torch.bfloat16),
        (None, None, None),
    ]:
        info.unlink() if flags is None else info.write_text(f'flags\t\t: {flags}\n')
        cpu_bf16.cache_clear()
        assert cpu_bf16() == name
        assert compute_dtype('auto', cpu) == dtype
        assert compute_dtype('fp32', cpu) is None
    cpu_bf16.cache_clear()
    assert all('bf16' in flag for flag in CPU_FLAGS)


def saved_for_backward(model, images):
    """Collect what autograd keeps of a training step's forward pass."""
    kept = []
    hooks = torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
    )
    with hooks:
        model(images, gt_label=torch.tensor([0, 1, 2, 0, 1, 2]))
    return sum(kept)


def test_no_graph_before_the_first_prompt_nor_through_a_frozen_backbone(
    arch, images, tiny_bert, text_cache
):
    def kept(**backbone):
        model = build(arch, tiny_bert, text_cache, precision='fp32').train()
        model.backbone = build_backbone(dict(arch=arch, **backbone)).train()
        return saved_for_backward(model, images)

    prompted = dict(type='PromptedCLIPImageBackbone', prompt_init='zero')
    first, last = kept(**prompted), kept(**prompted, prompt_layers=[5])
    frozen = kept(type='CLIPImageBackbone')
    # Six blocks: the last alone, of which most is worked out for the class token only.
    assert last < first / 6
    # Features, projection and cosine of 6 images; not one token.
    assert frozen < 6 * 17 * 128


def test_compiled_gives_the_same(arch, images, tiny_bert, text_cache):
    if not hasattr(torch.nn.Module, 'compile'):
        with pytest.raises(ValueError, match=r'model.compile needs torch 2\.2'):
            build(arch, tiny_bert, text_cache, compile=True)
        return
    plain = build(arch, tiny_bert, text_cache, precision='fp32')
    calls = []

    def backend(graph, _):
        calls.append(graph)
        return graph.forward

    model = build(
        arch, tiny_bert, text_cache, precision='fp32', compile={'backend': backend}
    )
    assert model.state_dict().keys() == plain.state_dict().keys()
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    for _ in range(2):
        losses = [m.train()(images, gt_label=labels)['loss'] for m in (plain, model)]
        torch.testing.assert_close(*losses)
    assert calls
