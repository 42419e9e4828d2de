import numpy as np
import pytest
import torch
from clip.model import CLIP
from mmcls.models import build_classifier
from mmcv.runner import load_checkpoint, save_checkpoint

import cite  # noqa: F401

LABELS = torch.tensor([0, 1, 2, 0])


@pytest.fixture(scope='module')
def images():
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def clip_file(path, seed=0):
    torch.manual_seed(seed)
    model = CLIP(16, 32, 2, 64, 16, 8, 64, 64, 1, 1)
    torch.save(model.state_dict(), path)
    return str(path)


@pytest.fixture(scope='module')
def arch(tmp_path_factory):
    return clip_file(tmp_path_factory.mktemp('clip') / 'tiny.pt')


def config(arch, **kwargs):
    return dict(
        type='CITEClassifier',
        backbone=dict(
            type='PromptedCLIPImageBackbone',
            arch=arch,
            prompt_length=2,
            prompt_init='token',
        ),
        neck=dict(type='ProjectionNeck', in_features=16, out_features=8),
        head=dict(type='MyLinearClsHead', num_classes=3, in_channels=8),
        **kwargs,
    )


def build(arch, **kwargs):
    torch.manual_seed(1)
    model = build_classifier(config(arch, **kwargs))
    model.init_weights()
    return model


def step(model, images):
    model.train()
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=0.1
    )
    optimizer.zero_grad()
    model(images, gt_label=LABELS)['loss'].backward()
    optimizer.step()
    return model


def scores(model, images):
    model.eval()
    with torch.no_grad():
        return torch.from_numpy(np.stack(model(images, return_loss=False)))  # (4, 3)


def test_trained_parts_are_the_prompt_the_neck_and_the_head(arch, images):
    model = build(arch)
    before = {k: v.clone() for k, v in model.named_parameters()}
    step(model, images)  # the first batch also initialises the prompt
    step(model, images)
    changed = {k for k, v in model.named_parameters() if not torch.equal(v, before[k])}
    assert changed == {
        'backbone.prompt',
        'neck.weight',
        'neck.bias',
        'head.fc.weight',
        'head.fc.bias',
    }


def test_checkpoint_holds_what_was_trained_and_a_digest(arch, images, tmp_path):
    model = step(build(arch), images)
    save_checkpoint(model, str(tmp_path / 'run.pth'))
    keys = set(torch.load(tmp_path / 'run.pth', weights_only=True)['state_dict'])
    assert keys == {
        'backbone.prompt',
        'backbone.prompt_initialized',
        'neck.weight',
        'neck.bias',
        'head.fc.weight',
        'head.fc.bias',
        'frozen_digest',
    }


@pytest.mark.parametrize('save_frozen', [False, True])
def test_evaluation_of_a_loaded_checkpoint_equals_that_in_training(
    arch, images, tmp_path, save_frozen, capsys
):
    model = step(build(arch, save_frozen=save_frozen), images)
    expected = scores(model, images)
    save_checkpoint(model, str(tmp_path / 'run.pth'))
    loaded = build_classifier(config(arch))
    load_checkpoint(loaded, str(tmp_path / 'run.pth'), map_location='cpu')
    assert 'missing' not in capsys.readouterr().out
    assert torch.equal(scores(loaded, images), expected)
    step(loaded, images)  # the prompt is not initialised a second time
    step(model, images)
    assert torch.equal(loaded.backbone.prompt, model.backbone.prompt)


def test_torch_loads_the_short_state_dict_strictly(arch, images):
    model = step(build(arch), images)
    loaded = build(arch)
    loaded.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(scores(loaded, images), scores(model, images))


def test_other_frozen_weights_are_an_error(arch, images, tmp_path):
    model = step(build(arch), images)
    save_checkpoint(model, str(tmp_path / 'run.pth'))
    other = build_classifier(config(clip_file(tmp_path / 'other.pt', seed=5)))
    with pytest.raises(ValueError, match=r'other frozen weights .*other\.pt'):
        load_checkpoint(other, str(tmp_path / 'run.pth'), map_location='cpu')


def vit_config(checkpoint=None):
    init_cfg = checkpoint and dict(type='Pretrained', checkpoint=checkpoint)
    return dict(
        type='CITEClassifier',
        backbone=dict(
            type='VisionTransformerFrozen',
            arch=dict(
                embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32
            ),
            img_size=32,
            init_cfg=init_cfg,
        ),
        head=dict(type='MyLinearClsHead', num_classes=3, in_channels=16),
    )


def test_weights_of_init_cfg_are_read_again_for_a_test(images, tmp_path):
    # mmcls' test.py builds a model without calling init_weights.
    torch.manual_seed(2)
    pretrained = build_classifier(vit_config())
    torch.nn.init.normal_(pretrained.backbone.pos_embed)
    torch.save(pretrained.backbone.state_dict(), tmp_path / 'vit.pth')
    torch.manual_seed(3)
    model = build_classifier(vit_config(str(tmp_path / 'vit.pth')))
    model.init_weights()
    save_checkpoint(model, str(tmp_path / 'run.pth'))
    torch.manual_seed(4)
    loaded = build_classifier(vit_config(str(tmp_path / 'vit.pth')))
    load_checkpoint(loaded, str(tmp_path / 'run.pth'), map_location='cpu')
    assert torch.equal(scores(loaded, images), scores(model, images))


def test_frozen_weights_drawn_at_random_stay_in_the_checkpoint(images):
    torch.manual_seed(2)
    model = build_classifier(vit_config())
    torch.manual_seed(3)
    loaded = build_classifier(vit_config())
    loaded.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(scores(loaded, images), scores(model, images))


def test_no_checkpoint_is_refused_for_a_model_that_needs_training(arch):
    with pytest.raises(ValueError, match='parameters that need training'):
        load_checkpoint(build(arch), 'none')


def test_named_parts_are_frozen_and_stay_in_eval_mode(images):
    model = build_classifier(
        dict(
            type='CITEClassifier',
            backbone=dict(type='ResNet', depth=18),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='MyLinearClsHead', num_classes=3, in_channels=512),
            freeze=['backbone'],
        )
    )
    mean = model.backbone.bn1.running_mean.clone()
    weight = model.backbone.conv1.weight.clone()
    step(model, images)
    assert torch.equal(model.backbone.bn1.running_mean, mean)
    assert torch.equal(model.backbone.conv1.weight, weight)
    assert model.head.training


def test_unknown_part_or_precision_is_an_error(arch):
    with pytest.raises(ValueError, match=r"\['bakbone'\]; this model has"):
        build(arch, freeze=['bakbone'])
    with pytest.raises(ValueError, match="precision is 'half'; choose one of"):
        build(arch, precision='half')


def test_bf16_keeps_parameters_and_loss_in_fp32(arch, images):
    exact, half = build(arch, precision='fp32'), build(arch, precision='bf16')
    losses = [m.train()(images, gt_label=LABELS)['loss'] for m in (exact, half)]
    assert losses[1].dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in half.parameters())
    assert losses[0].item() != losses[1].item()  # it did compute in bf16
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=2e-2)


def test_fp16_on_a_cpu_computes_in_fp32(arch, images):
    losses = [
        build(arch, precision=precision).train()(images, gt_label=LABELS)['loss']
        for precision in ('fp32', 'fp16')
    ]
    assert torch.equal(*losses)


def test_mmcls_own_classifier_takes_the_parts(arch, images):
    cfg = config(arch)
    cfg['type'] = 'ImageClassifier'
    model = build_classifier(cfg)
    step(model, images)
    restored = build_classifier(cfg)
    restored.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(scores(restored, images), scores(model, images))


@pytest.mark.parametrize('classifier', ['ImageClassifier', 'CITEClassifier'])
def test_updates_below_half_precision_are_kept(arch, images, classifier):
    # In half precision 1 + 1e-4 is 1: the release's weights stay where they are.
    cfg = {**config(arch), 'type': classifier}
    cfg['neck']['float16'] = True
    if classifier == 'CITEClassifier':
        cfg['precision'] = 'bf16'
    model = build_classifier(cfg).train()
    weights = [p for p in model.parameters() if p.requires_grad]
    model(images, gt_label=LABELS)['loss'].backward()
    for weight in weights:
        assert weight.dtype == weight.grad.dtype == torch.float32
        weight.data.fill_(1.0)
        weight.grad.fill_(1.0)
    torch.optim.SGD(weights, lr=1e-4).step()
    assert all((weight == 1 - torch.tensor(1e-4)).all() for weight in weights)
