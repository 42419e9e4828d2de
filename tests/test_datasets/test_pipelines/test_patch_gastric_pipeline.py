import numpy as np
import pytest
import torch
from mmcls.datasets.builder import PIPELINES
from mmcv.utils import build_from_cfg
from PIL import Image
from torchvision import transforms as T

from cite.datasets.pipelines import PatchGastricPipeline, UnreadablePatchError

IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def run(pipeline, path, **results):
    return pipeline({'img_info': {'filename': str(path)}, **results})['img']


def by_hand(path, size, resample, mean, std):
    image = Image.open(path).convert('RGB').resize((size, size), resample)
    pixels = (np.asarray(image) / 255 - mean) / std
    return torch.from_numpy(pixels.transpose(2, 0, 1)).float()


def saturations(pipeline, path, draws=60):
    """Mean spread between the channels over the original's, for many draws."""

    def spread(pixels):
        return float((pixels.max(0).values - pixels.min(0).values).mean())

    plain = T.ToTensor()(Image.open(path))
    torch.manual_seed(0)
    ratios = [spread(run(pipeline, path)) / spread(plain) for _ in range(draws)]
    return np.mean(ratios)


def test_evaluation_is_a_bilinear_resize_and_imagenet_statistics(patch):
    image = run(PatchGastricPipeline(test_mode=True), patch)

    assert image.dtype == torch.float32
    expected = by_hand(patch, 224, Image.BILINEAR, *IMAGENET)
    torch.testing.assert_close(image, expected)


def test_size_mean_std_and_interpolation_follow_the_arguments(patch):
    mean, std = (0.5, 0.4, 0.3), (0.1, 0.2, 0.3)
    pipeline = PatchGastricPipeline(
        test_mode=True, size=64, mean=mean, std=std, interpolation='bicubic'
    )

    image = run(pipeline, patch)

    expected = by_hand(patch, 64, Image.BICUBIC, np.array(mean), np.array(std))
    torch.testing.assert_close(image, expected)
    assert not torch.equal(image, by_hand(patch, 64, Image.BILINEAR, mean, std))


def test_training_is_the_released_transform(patch):
    released = T.Compose(
        [
            T.Resize((224, 224)),
            T.ColorJitter(brightness=0.2, saturation=(0, 0.2), hue=0.1),
            T.RandomHorizontalFlip(p=0.5),
            T.RandomVerticalFlip(p=0.5),
        ]
    )
    normalize = T.Compose([T.ToTensor(), T.Normalize(*map(list, IMAGENET))])
    pipeline = PatchGastricPipeline()
    for seed in range(12):
        torch.manual_seed(seed)
        image = run(pipeline, patch)
        torch.manual_seed(seed)
        turns = [released(Image.open(patch).convert('RGB'))]
        for _ in range(3):
            turns.append(T.RandomRotation((90, 90))(turns[-1]))

        assert sum(torch.equal(image, normalize(turn)) for turn in turns) == 1


def test_the_released_saturation_is_nearly_grey_and_the_option_is_not(patch):
    plain = {'size': 40, 'mean': (0, 0, 0), 'std': (1, 1, 1)}

    # The factor scales the spread between channels: U(0, 0.2) has mean 0.1.
    assert saturations(PatchGastricPipeline(**plain), patch) == pytest.approx(
        0.1, abs=0.02
    )
    around_1 = PatchGastricPipeline(saturation=0.2, **plain)
    assert saturations(around_1, patch) == pytest.approx(1, abs=0.05)
    as_range = PatchGastricPipeline(saturation=(0.4, 0.6), **plain)
    assert saturations(as_range, patch) == pytest.approx(0.5, abs=0.03)


def test_a_data_set_in_test_mode_is_never_augmented(patch):
    pipeline = PatchGastricPipeline(test_mode=False)
    plain = run(PatchGastricPipeline(test_mode=True), patch)

    assert all(
        torch.equal(run(pipeline, patch, test_mode=True), plain) for _ in range(5)
    )
    assert not torch.equal(run(pipeline, patch, test_mode=False), plain)


def test_the_released_pipeline_augments_in_test_mode_too(patch):
    released = PatchGastricPipeline(test_mode=False, released=True)

    images = [run(released, patch, test_mode=True) for _ in range(5)]

    assert not any(torch.equal(images[0], image) for image in images[1:])


def test_released_with_its_own_test_mode_does_not_augment(patch):
    pipeline = PatchGastricPipeline(test_mode=True, released=True)

    assert torch.equal(run(pipeline, patch), run(pipeline, patch, test_mode=True))


@pytest.mark.parametrize('size', [32, 97])
@pytest.mark.parametrize('test_mode', [True, False])
def test_shape_and_type(patch, size, test_mode):
    image = run(PatchGastricPipeline(test_mode=test_mode, size=size), patch)

    assert image.shape == (3, size, size)
    assert image.dtype == torch.float32


@pytest.mark.parametrize('mode', ['L', 'RGBA', 'P', 'CMYK'])
def test_images_of_any_mode_become_three_channels(patch, mode):
    image = Image.open(patch).convert(mode)
    pipeline = PatchGastricPipeline(test_mode=True)

    results = pipeline({'img_pil': image})

    expected = pipeline({'img_pil': image.convert('RGB')})
    assert results['img'].shape == (3, 224, 224)
    assert torch.equal(results['img'], expected['img'])


def test_an_image_in_memory_takes_precedence_over_the_file():
    image = Image.new('RGB', (30, 30), (255, 0, 0))
    results = {'img_pil': image, 'img_info': {'filename': 'not/there.jpg'}}
    pipeline = PatchGastricPipeline(True, mean=(0, 0, 0), std=(1, 1, 1))

    results = pipeline(results)

    assert results['filename'] == 'not/there.jpg'
    assert results['img'].mean(dim=(1, 2)).tolist() == [1, 0, 0]


def test_features_first_draw_in_evaluation_any_in_training():
    draws = np.arange(6, dtype=np.float32).reshape(3, 2)
    pipeline = PatchGastricPipeline()

    evaluated = [pipeline({'feature': draws, 'test_mode': True}) for _ in range(20)]
    trained = [pipeline({'feature': draws, 'test_mode': False}) for _ in range(60)]

    assert {tuple(r['img'].tolist()) for r in evaluated} == {(0, 1)}
    assert {tuple(r['img'].tolist()) for r in trained} == {(0, 1), (2, 3), (4, 5)}
    assert evaluated[0]['img'].dtype == torch.float32


def test_config_words_build_it():
    config = {'type': 'PatchGastricPipeline', 'test_mode': False}

    assert isinstance(build_from_cfg(config, PIPELINES), PatchGastricPipeline)


def test_a_missing_patch_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone_0\.jpg: no such patch'):
        run(PatchGastricPipeline(), tmp_path / 'gone_0.jpg')


@pytest.mark.parametrize('keep', [0, 200, 0.7])
def test_a_truncated_patch_is_named(patch, keep):
    content = patch.read_bytes()
    patch.write_bytes(
        content[: keep if isinstance(keep, int) else int(keep * len(content))]
    )

    with pytest.raises(
        UnreadablePatchError, match=r'slide_0\.jpg: this patch is trunc'
    ):
        run(PatchGastricPipeline(), patch)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'interpolation': 'cubic'}, "'cubic'; known are nearest, bilinear, bicubic"),
        ({'size': 0}, 'size=0'),
        ({'size': (224, 112)}, 'whole number'),
        ({'mean': (0.5, 0.5)}, 'three numbers'),
        ({'std': (0, 1, 1)}, 'std above 0'),
        ({'mean': (123.675, 116.28, 103.53)}, 'Divide by 255'),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PatchGastricPipeline(**arguments)
