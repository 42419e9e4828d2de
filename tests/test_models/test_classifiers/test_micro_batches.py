"""A batch in parts has the losses and gradients of the whole batch."""

import os
import re
from functools import partial
from pathlib import Path

import pytest
import torch
from mmcls.models import build_classifier
from mmcv.parallel import DataContainer
from packaging.version import Version
from two_ranks import run_two_ranks, train_steps_by_hand

from cite.models.classifiers import CITEClassifier, micro_batches
from cite.models.classifiers.micro_batches import micro_batch_size
from demo.models import tiny_clip

LABELS = torch.tensor([0, 1, 2, 0, 1, 1, 2])


@pytest.fixture(scope='module')
def arch(tmp_path_factory):
    path = tmp_path_factory.mktemp('clip') / 'tiny.pt'
    tiny_clip(path, embed_dim=16, width=64, layers=2, image_size=32)
    return str(path)


@pytest.fixture
def images():
    torch.manual_seed(0)
    return torch.randn(7, 3, 32, 32)


def config(arch, prompt_init='normal', **settings):
    head = {'type': 'MyLinearClsHead', 'num_classes': 3, 'in_channels': 8}
    return {
        'type': 'CITEClassifier',
        'backbone': {
            'type': 'PromptedCLIPImageBackbone',
            'arch': arch,
            'prompt_init': prompt_init,
        },
        'neck': {'type': 'ProjectionNeck', 'in_features': 16, 'out_features': 8},
        'head': {**head, 'cal_acc': True, 'topk': (1, 2)},
        'precision': 'fp32',
        **settings,
    }


def build(*args, **settings):
    torch.manual_seed(1)
    model = build_classifier(config(*args, **settings))
    model.init_weights()
    return model.train()


def step(model, **data):
    outputs = model.train_step(data)
    (3 * outputs['loss']).backward()  # as a loss scale does
    gradients = {n: p.grad for n, p in model.named_parameters() if p.requires_grad}
    return outputs, gradients


def check_equal(given, wanted):
    (outputs, gradients), (whole, expected) = given, wanted
    assert outputs['num_samples'] == whole['num_samples']
    assert outputs['log_vars'] == pytest.approx(whole['log_vars'], rel=1e-5)
    torch.testing.assert_close(outputs['loss'], whole['loss'])
    assert {*gradients} == {*expected}
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('size', [1, 3, 7, 8])
@pytest.mark.parametrize('prompt_init', ['normal', 'token'])
def test_losses_accuracies_and_gradients_are_the_batchs(
    arch, images, size, prompt_init
):
    # 7 images by 3: the last part has one, which weighs a seventh.
    data = {'img': images, 'gt_label': LABELS}
    whole = build(arch, prompt_init, micro_batch=None)
    parts = build(arch, prompt_init, micro_batch=size)
    check_equal(step(parts, **data), step(whole, **data))
    assert torch.allclose(parts.backbone.prompt, whole.backbone.prompt, atol=1e-6)


def test_bytes_with_metas_in_a_container(arch):
    cfg = {'mean': [100.0, 110.0, 120.0], 'std': [50.0, 55.0, 60.0], 'to_rgb': False}
    metas = [{'img_norm_cfg': cfg} for _ in LABELS]
    images = torch.randint(0, 256, (7, 3, 32, 32), dtype=torch.uint8)
    data = {'img': images, 'gt_label': LABELS}
    whole = step(build(arch, micro_batch=None), **data, img_metas=metas)
    for given in (metas, [metas], DataContainer([metas], cpu_only=True)):
        check_equal(step(build(arch, micro_batch=3), **data, img_metas=given), whole)


def test_weights_that_share_a_gradient(arch, images):
    """Autograd gives both terms of a sum one tensor, and what was summed a wide one."""
    results = []
    for size in (None, 3):
        model = build(arch, micro_batch=size)
        for name in ('one', 'two', 'three'):
            model.neck.register_parameter(name, torch.nn.Parameter(torch.ones(8)))
        model.neck.register_forward_hook(
            lambda neck, inputs, x: x * neck.three.sum() + (neck.one + neck.two)
        )
        results.append(step(model, img=images, gt_label=LABELS))
    check_equal(results[1], results[0])


def seen_by(model):
    """Return a list to which each call of the backbone adds its number of images."""
    sizes = []
    model.backbone.register_forward_hook(
        lambda module, inputs, output: sizes.append(len(inputs[0]))
    )
    return sizes


def test_auto_takes_16_images_on_a_cpu(arch):
    model = build(arch)
    sizes = seen_by(model)
    step(model, img=torch.randn(40, 3, 32, 32), gt_label=torch.arange(40) % 3)
    assert sizes == [16, 16, 8]


def test_images_that_depend_on_each_other_stay_together(arch, images):
    mixed = {'augments': {'type': 'BatchMixup', 'alpha': 1.0, 'prob': 1.0}}
    mixed['augments']['num_classes'] = 3
    soft = {'type': 'LabelSmoothLoss', 'label_smooth_val': 0.1, 'reduction': 'sum'}
    linear = {'type': 'MyLinearClsHead', 'num_classes': 3, 'in_channels': 8}
    normalised = {'type': 'ResNet', 'depth': 18, 'num_stages': 4}
    resnet = {'in_channels': 512, 'type': 'MyLinearClsHead', 'num_classes': 3}
    pooled = {'neck': {'type': 'GlobalAveragePooling'}, 'head': resnet}
    cases = {
        'mixes the images': {'train_cfg': mixed, 'head': linear},
        'LabelSmoothLoss is not known': {'head': {**linear, 'loss': soft}},
        'batch normalisation in training': {'backbone': normalised, **pooled},
    }
    for message, settings in cases.items():
        model = build(arch, micro_batch=2, **settings)
        with pytest.raises(ValueError, match=message):
            model.train_step({'img': images, 'gt_label': LABELS})
        model.micro_batch = 'auto'
        sizes = seen_by(model)
        many = torch.randn(17, 3, 32, 32)
        model.train_step({'img': many, 'gt_label': torch.arange(17) % 3})
        assert sizes == [17]


class Contrastive(CITEClassifier):
    """A classifier of somebody else, whose loss compares the images of a batch."""


@pytest.mark.parametrize('part', ['model', 'neck'])
def test_auto_leaves_classifiers_and_necks_whole_that_it_does_not_know(arch, part):
    model = build(arch)
    data = {'img': torch.zeros(17, 3, 32, 32), 'gt_label': torch.zeros(17)}
    assert micro_batch_size(model, data, 'auto') == 16
    if part == 'model':
        model.__class__ = Contrastive
    else:
        model.neck.__class__ = type('Neck', (type(model.neck),), {'__module__': 'a'})
    assert micro_batch_size(model, data, 'auto') is None
    assert micro_batch_size(model, data, 5) == 5  # the user knows it


@pytest.mark.parametrize('key', ['with_cp', 'grad_checkpointing'])
def test_a_model_that_computes_its_activations_again_stays_whole(arch, images, key):
    model = build(arch, micro_batch=3)
    setattr(model.backbone.model.transformer.resblocks[0], key, True)
    with pytest.raises(ValueError, match='micro_batch=3, but with_cp or gradient'):
        step(model, img=images, gt_label=LABELS)
    data = {'img': torch.zeros(17, 3, 32, 32), 'gt_label': torch.zeros(17)}
    assert micro_batch_size(model, data, 'auto') is None


def test_a_hook_of_a_weight_sees_the_gradient_of_the_whole_batch(arch, images):
    model = build(arch, micro_batch=3)
    model.backbone.prompt.register_hook(lambda gradient: 2 * gradient)
    with pytest.raises(ValueError, match='a weight has a hook'):
        step(model, img=images, gt_label=LABELS)


def test_the_loss_that_is_kept_lets_go_of_the_gradients(arch, images):
    model = build(arch, micro_batch=3)
    loss = model.train_step({'img': images, 'gt_label': LABELS})['loss']
    loss.backward(retain_graph=True)
    assert loss.grad_fn.gradients is None
    with pytest.raises(RuntimeError, match='handed out already'):
        loss.backward()


def test_fp16_that_auto_chooses_needs_its_loss_scale_too(arch, images, monkeypatch):
    model = build(arch, precision='auto', micro_batch=3)
    half = lambda precision, device: torch.float16  # noqa: E731  # an older GPU's
    monkeypatch.setattr(micro_batches, 'compute_dtype', half)
    with pytest.raises(ValueError, match="'auto' on a GPU that has no bf16"):
        micro_batch_size(model, {'img': images, 'gt_label': LABELS}, 3)


def test_auto_leaves_heads_whole_that_it_does_not_know(arch):
    """Theirs may compare the images of a batch with each other."""
    model = build(arch)
    theirs = type('Contrastive', (type(model.head),), {'__module__': 'theirs.heads'})
    model.head.__class__ = theirs
    sizes = seen_by(model)
    data = {'img': torch.randn(17, 3, 32, 32), 'gt_label': torch.arange(17) % 3}
    model.train_step(data)
    model.micro_batch = 9  # its owner knows
    model.train_step(data)
    assert sizes == [17, 9, 8]


@pytest.mark.parametrize('entry', [['one for all'], 1.5, torch.ones(3)])
def test_a_batch_with_entries_that_are_not_one_an_image_stays_whole(arch, entry):
    model = build(arch)
    sizes = seen_by(model)
    data = {'img': torch.randn(17, 3, 32, 32), 'gt_label': torch.arange(17) % 3}
    data['name'] = entry
    model.train_step(data)
    assert sizes == [17]
    model.micro_batch = 2
    with pytest.raises(ValueError, match=r"=2, but 'name' of .* each of 17 images"):
        model.train_step(data)


@pytest.mark.parametrize('wrong', [0, -1, True, 2.0, 'all'])
def test_what_is_no_number_of_images_is_refused(arch, wrong):
    with pytest.raises(ValueError, match=r'model\.micro_batch is'):
        build(arch, micro_batch=wrong)
    build(arch, micro_batch=None)


def test_fp16_needs_its_loss_scale(arch):
    with pytest.raises(ValueError, match=r"micro_batch=4 .*'bf16' or 'fp32'"):
        build_classifier({**config(arch, micro_batch=4), 'precision': 'fp16'})


def peak_of(work):
    """Return by how many kB the memory of this process grows at most meanwhile."""

    def resident(name):
        status = Path('/proc/self/status').read_text()
        return int(re.search(rf'{name}:\s+(\d+) kB', status)[1])

    Path('/proc/self/clear_refs').write_text('5')  # the peak is that of now
    before = resident('VmRSS')
    work()
    return resident('VmHWM') - before


@pytest.mark.skipif(
    not os.access('/proc/self/clear_refs', os.W_OK), reason='no peak to reset here'
)
def test_a_step_takes_the_memory_of_a_part(tmp_path):
    """256 images of 64 pixels through six blocks of width 256."""
    path = tmp_path / 'wide.pt'
    tiny_clip(path, embed_dim=16, width=256, layers=6, image_size=64)
    model = build(str(path))
    data = {'img': torch.randn(256, 3, 64, 64), 'gt_label': torch.arange(256) % 3}
    peaks = []
    for size in (16, None):
        model.micro_batch = size
        peaks.append(peak_of(partial(step, model, **data)))
    assert peaks[0] < peaks[1] / 3


@pytest.mark.skipif(
    Version(torch.__version__).major < 2, reason='its gloo sends no flags, only numbers'
)
def test_two_ranks_average_what_each_computes_in_parts(arch, images, tmp_path):
    settings = config(arch, micro_batch=2)
    run_two_ranks(train_steps_by_hand, tmp_path, settings, images[:6], LABELS[:6])
    torch.manual_seed(0)
    whole = build_classifier({**settings, 'micro_batch': None}).train()
    _, wanted = step(whole, img=images[:6], gt_label=LABELS[:6])
    for rank in range(2):
        gradients = torch.load(tmp_path / f'gradients {rank}.pth')
        assert {*gradients} == {*wanted}
        for name, gradient in gradients.items():
            torch.testing.assert_close(3 * gradient, wanted[name], rtol=1e-4, atol=1e-6)
