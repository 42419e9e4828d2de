"""On a CPU each image is computed by itself, in as many threads as there are cores."""

import threading
import time

import numpy as np
import pytest
import torch
from mmcls.models import build_classifier

from cite.models.classifiers.each_alone import each_alone
from demo.models import tiny_clip


@pytest.fixture(scope='module')
def arch(tmp_path_factory):
    path = tmp_path_factory.mktemp('clip') / 'tiny.pt'
    tiny_clip(path, embed_dim=64, width=128, layers=2, image_size=64)
    return str(path)


def build(arch, kind='CITEClassifier', **settings):
    torch.manual_seed(1)
    config = {
        'type': kind,
        'backbone': {'type': 'PromptedCLIPImageBackbone', 'arch': arch},
        'head': {'type': 'MyLinearClsHead', 'num_classes': 3, 'in_channels': 64},
    }
    model = build_classifier({**config, **settings})
    model.init_weights()
    return model.eval()


@pytest.fixture
def images():
    torch.manual_seed(0)
    return torch.randn(9, 3, 64, 64)


@pytest.fixture
def cores(monkeypatch):
    """Have torch use so many threads; it has its own number again at the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def scores(model, images):
    with torch.no_grad():
        return np.stack(model(images, return_loss=False))


@pytest.mark.parametrize('precision', ['fp32', 'bf16'])
def test_scores_depend_neither_on_the_batch_nor_on_the_threads(
    arch, images, precision, cores
):
    model = build(arch, precision=precision)
    cores(1)
    wanted = scores(model, images)
    for threads in (1, 2, 3, 16):
        cores(threads)
        assert np.array_equal(scores(model, images), wanted)
        assert np.array_equal(scores(model, images.flip(0)), wanted[::-1])
        assert np.array_equal(scores(model, images[4:5]), wanted[4:5])
        assert torch.get_num_threads() == threads


def test_all_threads_work_each_on_one_core(images, cores):
    cores(3)
    barrier, seen = threading.Barrier(3, timeout=30), set()

    def compute(image):
        barrier.wait()  # passes only if three images are computed at once
        seen.add((threading.get_ident(), torch.get_num_threads()))
        return image.sum().item()

    sums = each_alone(compute, images, torch.nn.Identity())
    assert sums == [image.sum().item() for image in images]
    assert len(seen) == 3
    assert {threads for _, threads in seen} == {1}
    # A thread that starts later has the usual number.
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [3]


def test_an_error_is_raised_and_nothing_more_is_begun(images, cores):
    cores(2)
    begun, failed = [], threading.Event()

    def compute(image):
        begun.append(1)
        if len(begun) == 2:  # whichever thread it is; the other one is at work
            failed.set()
            raise RuntimeError(f'image of {tuple(image.shape)}')
        failed.wait(30)
        time.sleep(0.2)

    with pytest.raises(RuntimeError, match=r'image of \(1, 3, 64, 64\)'):
        each_alone(compute, images, torch.nn.Identity())
    assert len(begun) == 2


def test_weights_are_cast_once_and_are_as_they_were(arch, images, cores):
    cores(1)
    model = build(arch, precision='bf16')
    before = {n: (p.requires_grad, p.dtype) for n, p in model.named_parameters()}
    assert {False, True} == {needs for needs, _ in before.values()}

    casts = []

    def compute(image):
        # Within the thread, of which alone the profiler knows.
        with torch.autograd.profiler.profile() as profile:
            features = model.backbone(image)
        casts.append(sum(x.name == 'aten::_to_copy' for x in profile.function_events))
        return features

    with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16):
        each_alone(compute, images, model)
    # The first image has eight weights and biases of the first block and the first
    # convolution's more than the others, which cast their activations alone.
    assert len(casts) == 9
    assert {*casts[1:]} == {casts[1]}
    assert casts[0] - casts[1] >= 9
    after = {n: (p.requires_grad, p.dtype) for n, p in model.named_parameters()}
    assert after == before


@pytest.mark.parametrize('kind', ['CITEClassifier', 'ImageClassifier'])
def test_a_surrounding_autocast_holds_in_the_threads(arch, images, kind):
    settings = {'precision': 'fp32'} if kind == 'CITEClassifier' else {}
    model = build(arch, kind, **settings)
    plain = scores(model, images)
    types, remember = [], lambda m, i, output: types.append(output.dtype)
    block = model.backbone.model.transformer.resblocks[0]
    block.mlp.c_fc.register_forward_hook(remember)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        cast = scores(model, images)
    assert {*types} == {torch.bfloat16}
    assert not np.array_equal(cast, plain)
    assert np.array_equal(scores(model, images), plain)  # nothing is left behind


def test_training_goes_on_after_an_evaluation(arch, images):
    """Copies of weights from an evaluation must not be those of the next step."""
    labels = torch.arange(9) % 3
    gradients = []
    for evaluates in (False, True):
        model = build(arch, precision='bf16')
        with torch.autocast('cpu', dtype=torch.bfloat16):  # one for both
            if evaluates:
                scores(model, images)
            model.train()(images, gt_label=labels)['loss'].backward()
        gradients.append({n: p.grad for n, p in model.named_parameters()})
    for name, gradient in gradients[0].items():
        if gradient is None:
            assert gradients[1][name] is None
        else:
            assert torch.equal(gradients[1][name], gradient)


def test_calls_at_the_same_time_leave_the_number_of_threads(images, cores):
    cores(3)
    begun, end, seen = threading.Event(), threading.Event(), []

    def compute(image):
        begun.set()
        end.wait(30)

    def note():
        seen.append(torch.get_num_threads())

    def call():
        each_alone(compute, images[:2], torch.nn.Identity())

    def work(target):
        thread = threading.Thread(target=target)
        thread.start()
        return thread

    first = work(call)
    begun.wait(30)
    second = work(call)
    time.sleep(0.2)  # both are at work
    end.set()
    first.join()
    second.join()
    work(note).join()
    assert seen == [3]


class Slow:
    """A text encoder that takes its time, as loading a language model does."""

    calls = 0

    def __call__(self, texts):
        self.calls += 1
        time.sleep(0.2)
        return torch.eye(len(texts), 64)


@pytest.mark.parametrize('where', ['classifier', 'head'])
def test_texts_are_encoded_once_for_all_threads(arch, images, cores, where):
    cores(3)
    head = {'type': 'TextEmbeddingHead', 'texts': ['a', 'b', 'c']}
    encoder = {'type': 'BERT', 'model': 'unused'}
    model = build(arch, head={**head, 'text_encoder': encoder})
    slow = Slow()
    model.head.__dict__['text_encoder'] = slow
    if where == 'classifier':
        given = scores(model, images)
    else:
        with torch.no_grad():
            features = model.backbone(images)
            each_alone(model.head.simple_test, features, model.head)
        given = scores(model, images)
    assert slow.calls == 1
    assert np.array_equal(given, scores(model, images))
