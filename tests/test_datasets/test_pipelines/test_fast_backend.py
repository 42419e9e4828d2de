"""backend='fast' gives the images of Pillow and torchvision, bit for bit."""

import functools
import sys

import numpy as np
import pytest
import torch
from damaged_images import jpeg_that_claims
from mmcls.models import build_classifier
from mmcv.parallel import DataContainer
from PIL import Image

import cite.core
from cite.core import resize
from cite.datasets.pipelines import PatchGastricPipeline, UnreadablePatchError
from cite.models.classifiers.normalize import normalize

DEFAULTS = {'saturation': (0.8, 1.2), 'interpolation': 'bicubic'}


@pytest.fixture(params=['numba', 'no numba'])
def engine(request, monkeypatch):
    if request.param == 'numba':
        pytest.importorskip('numba', reason='numba is optional: Pillow does its work')
    else:
        monkeypatch.setattr(resize, 'load_kernels', lambda: None)


def both(path, seed, **arguments):
    """Return the float image of Pillow's pipeline and the uint8 results of ours."""
    results = []
    for backend in ('pillow', 'fast'):
        torch.manual_seed(seed)
        pipeline = PatchGastricPipeline(backend=backend, **arguments)
        results.append(pipeline({'img_info': {'filename': str(path)}}))
        results[-1]['next'] = torch.rand(3)
    assert torch.equal(results[0]['next'], results[1]['next'])
    return results[0]['img'], results[1]


def write(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def jpeg_size(path):
    with Image.open(path) as image:
        return image.height, image.width


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize('arguments', [{}, DEFAULTS], ids=['released', 'defaults'])
def test_training_images_are_the_same(engine, patch, tmp_path, arguments):
    colours = write(tmp_path / 'noise_0.png', noise(90, 70, 3))
    for seed in range(12):
        for path in (patch, colours):
            expected, results = both(path, seed, size=56, **arguments)

            assert results['img'].dtype == torch.uint8
            image = normalize(results['img'][None], [results])[0]
            assert torch.equal(image, expected)


@pytest.mark.parametrize('interpolation', ['bilinear', 'bicubic', 'lanczos'])
@pytest.mark.parametrize('size', [20, 37, 40, 64])
def test_evaluation_images_are_the_same(engine, tmp_path, size, interpolation):
    for shape in ((40, 40, 3), (31, 50, 3)):
        path = write(tmp_path / 'slide_0.jpg', noise(*shape), quality=90)
        arguments = {'size': size, 'interpolation': interpolation, 'test_mode': True}
        expected, results = both(path, 0, **arguments)

        image = normalize(results['img'][None], [results])[0]
        assert torch.equal(image, expected)


@pytest.mark.parametrize('name', ['grey.jpg', 'cmyk.jpg', 'rgba.png', 'turned.jpg'])
def test_files_of_any_kind_are_the_same(engine, tmp_path, name):
    path, image = tmp_path / name, Image.fromarray(noise(40, 30, 3))
    modes = {'grey.jpg': 'L', 'cmyk.jpg': 'CMYK', 'rgba.png': 'RGBA'}
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me": Pillow does not, OpenCV would
    options = {'exif': exif} if name == 'turned.jpg' else {}
    image.convert(modes.get(name, 'RGB')).save(path, **options)

    expected, results = both(path, 0, size=24, test_mode=True)

    assert torch.equal(normalize(results['img'][None], [results])[0], expected)


@pytest.mark.parametrize('keep', [0, 200, 0.7])
def test_a_truncated_patch_is_named(patch, keep):
    content = patch.read_bytes()
    end = keep if isinstance(keep, int) else int(keep * len(content))
    patch.write_bytes(content[:end])

    with pytest.raises(UnreadablePatchError, match=r'slide_0\.jpg: this patch is'):
        PatchGastricPipeline(backend='fast')({'img_info': {'filename': str(patch)}})


@pytest.mark.parametrize('backend', ['pillow', 'fast'])
def test_a_frame_larger_than_pillow_decodes_is_refused(patch, monkeypatch, backend):
    height, width = jpeg_size(patch)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', height * width // 2 - 1)
    pipeline = PatchGastricPipeline(size=8, backend=backend)
    with pytest.raises(
        UnreadablePatchError, match=r'slide_0\.jpg: .*decompression bomb'
    ):
        pipeline({'img_info': {'filename': str(patch)}})


@pytest.mark.filterwarnings('error::PIL.Image.DecompressionBombWarning')
@pytest.mark.parametrize('backend', ['pillow', 'fast'])
def test_where_pillow_only_warns_both_backends_do(patch, monkeypatch, backend):
    height, width = jpeg_size(patch)
    pipeline = PatchGastricPipeline(size=8, backend=backend)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', height * width)
    pipeline({'img_info': {'filename': str(patch)}})
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', height * width - 1)
    with pytest.raises(UnreadablePatchError, match='exceeds limit'):  # the warning
        pipeline({'img_info': {'filename': str(patch)}})


def test_pillow_s_limit_may_be_lifted(patch, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', None)
    expected, results = both(patch, 0, size=24, test_mode=True)
    assert torch.equal(normalize(results['img'][None], [results])[0], expected)


# Markers without a length: libjpeg reads on right behind them.
@pytest.mark.parametrize('before', [b'\xff\x01', b'\xff\xd0'])
def test_a_second_frame_does_not_hide_the_first(patch, monkeypatch, before):
    jpeg = jpeg_that_claims(400, 400)
    at = jpeg.index(b'\xff\xc0')
    frame, end = jpeg[at : at + 19], jpeg[at + 19 :]
    jpeg = jpeg[:2] + before + frame + jpeg[2:at] + end
    decoy = b'\xff\xc0\x00\x11\x08\x00\x04\x00\x04\x03'
    # The frame's own marker, taken for the length of what precedes it.
    jpeg = jpeg.ljust(4 + 0xFFC0, b'\0') + decoy + b'\0' * 8 + b'\xff\xd9'
    patch.write_bytes(jpeg)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    with pytest.raises(UnreadablePatchError, match=r'slide_0\.jpg'):
        PatchGastricPipeline(size=8, backend='fast')({'img_info': {'filename': patch}})


def test_without_a_place_for_compiled_code_pillow_does_it(patch, monkeypatch):
    caching = pytest.importorskip('numba.core.caching')
    monkeypatch.setattr(caching.CompileResultCacheImpl, '_locator_classes', [])
    # As in a process that has not imported them.
    monkeypatch.delitem(sys.modules, 'cite.core.kernels', raising=False)
    monkeypatch.delattr(cite.core, 'kernels', raising=False)
    load = functools.cache(resize.load_kernels.__wrapped__)
    monkeypatch.setattr(resize, 'load_kernels', load)

    with pytest.warns(UserWarning, match=r'no locator .*NUMBA_CACHE_DIR'):
        expected, results = both(patch, 0, size=24, **DEFAULTS)

    assert torch.equal(normalize(results['img'][None], [results])[0], expected)


def test_a_missing_patch_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone_0\.jpg: no such patch'):
        PatchGastricPipeline(backend='fast')(
            {'img_info': {'filename': str(tmp_path / 'gone_0.jpg')}}
        )


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="backend='cv2'; known are 'pillow'"):
        PatchGastricPipeline(backend='cv2')


@pytest.mark.parametrize('kind', ['ImageClassifier', 'CITEClassifier'])
def test_a_classifier_sees_what_float_images_would_show_it(patch, kind):
    model = build_classifier(
        {
            'type': kind,
            'backbone': {
                'type': 'VisionTransformerFrozen',
                'arch': {
                    'embed_dims': 16,
                    'num_layers': 1,
                    'num_heads': 2,
                    'feedforward_channels': 32,
                },
                'img_size': 32,
                'patch_size': 16,
            },
            'head': {'type': 'MyLinearClsHead', 'num_classes': 3, 'in_channels': 16},
        }
    ).eval()
    expected, results = both(patch, 0, size=32, **DEFAULTS)

    from_loader = DataContainer([[results]], cpu_only=True)  # mmcls' on a CPU
    wanted = model(expected[None], return_loss=False, img_metas=[results])[0]
    for metas in ([results], from_loader):
        scores = model(results['img'][None], return_loss=False, img_metas=metas)[0]
        assert np.array_equal(scores, wanted)


def test_uint8_images_without_statistics_are_refused():
    with pytest.raises(ValueError, match="keep 'img_norm_cfg'"):
        normalize(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), [{'filename': 'a'}])
