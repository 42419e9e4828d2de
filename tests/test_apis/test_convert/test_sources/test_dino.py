"""DINO and HIPT: student and teacher in one file, wrapped in different ways."""

import pytest
import torch


def dino_checkpoint(teacher, student, prefix):
    head = {
        'head.mlp.0.weight': torch.ones(8, 32),
        'head.last_layer.weight_g': torch.ones(8, 1),
    }
    no_classifier = {
        k: v for k, v in teacher.state_dict().items() if not k.startswith('head')
    }
    state = {f'{prefix}backbone.{k}': v for k, v in no_classifier.items()}
    state.update({prefix + k: v for k, v in head.items()})
    other = {f'module.backbone.{k}': v for k, v in student.state_dict().items()}
    return {'student': other, 'teacher': state, 'epoch': 100}


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('layout', [None, 'dino', 'hipt'])
def test_features_are_the_teachers(
    tmp_path, tiny_vit, images, convert, to, vit_features, assert_same, prefix, layout
):
    teacher = tiny_vit(seed=0)
    checkpoint = dino_checkpoint(teacher, tiny_vit(seed=1), prefix)
    torch.save(checkpoint, tmp_path / 'vit256_small_dino.pth')
    conversion = convert(tmp_path / 'vit256_small_dino.pth', layout=layout, target=to)
    hipt = layout != 'dino'  # guessed by the file's name
    assert conversion.layout == ('HIPT ViT-256' if hipt else 'DINO')
    assert conversion.stats.mean == ((0.5,) * 3 if hipt else (0.485, 0.456, 0.406))
    with torch.no_grad():
        wanted = teacher.forward_features(images)
    assert_same(vit_features(conversion, images, heads=4), wanted)


def test_backbone_only_download(tmp_path, tiny_vit, convert):
    # dino_deitsmall16_pretrain.pth: the teacher's backbone under its own names.
    torch.save(tiny_vit(num_classes=0).state_dict(), tmp_path / 'pretrain.pth')
    conversion = convert(tmp_path / 'pretrain.pth', layout='dino')
    assert conversion.layout == 'DINO'
    assert conversion.dropped == []
