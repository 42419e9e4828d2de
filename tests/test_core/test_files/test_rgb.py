"""Every kind of pixels becomes the right 8 bits, or is refused with its file."""

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from cite.apis.check.images import look_at
from cite.core.files.patch_file import UnreadablePatchError, read_patch_file
from cite.core.files.rgb import PixelError, load_rgb
from cite.datasets.pipelines import PatchGastricPipeline

Y, X = np.mgrid[0:64, 0:64]
GREY = ((X + Y) * 255 / 126).astype(np.uint8)  # (64, 64), 0 to 255
RGB = np.stack([GREY, GREY.T[::-1], 255 - GREY], -1)  # (64, 64, 3)
DEEP, DEEP_RGB = GREY.astype(np.uint16) * 257, RGB.astype(np.uint16) * 257
OPAQUE = np.full_like(GREY, 255)
ALPHA = {'photometric': 'minisblack', 'extrasamples': ['unassalpha']}
ALPHA['planarconfig'] = 'contig'
FILLING = {'photometric': 'rgb', 'extrasamples': ['unspecified']}
FLOATS = (GREY / 255).astype(np.float32)


def tiff(pixels, **options):
    return lambda path: tifffile.imwrite(path, pixels, **options)


def opencv(pixels):
    turned = pixels if pixels.ndim == 2 else pixels[..., ::-1]
    return lambda path: cv2.imwrite(str(path), turned)


def pillow(pixels, mode=None, **options):
    image = Image.fromarray(pixels)
    return lambda path: (image.convert(mode) if mode else image).save(path, **options)


def frames(*pixels, **options):
    first, *others = (Image.fromarray(p) for p in pixels)
    return lambda path: first.save(path, save_all=True, append_images=others, **options)


def pyramid(path):
    with tifffile.TiffWriter(path) as file:
        file.write(RGB, photometric='rgb')
        file.write(RGB[::2, ::2].copy(), photometric='rgb', subfiletype=1)


def turned(path):
    """Write an image whose EXIF data ask a viewer to turn it by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(
        path, exif=exif, **({'quality': 100} if path.suffix == '.jpg' else {})
    )


READ = {  # name: what writes the file, pixels that must come out, difference allowed
    'grey.png': (pillow(GREY), GREY, 0),
    'one_bit.png': (pillow(GREY, '1', bits=1), None, 0),
    'palette.png': (pillow(GREY, 'P'), GREY, 0),
    'grey_alpha.png': (pillow(GREY, 'LA'), GREY, 0),
    'colour_alpha.png': (pillow(RGB, 'RGBA'), RGB, 0),
    'ycbcr.jpg': (pillow(GREY, 'YCbCr', quality=100), GREY, 3),
    'white_is_zero.tif': (tiff(255 - GREY, photometric='miniswhite'), GREY, 0),
    'deep.png': (pillow(DEEP), GREY, 0),
    'deep.tif': (pillow(DEEP), GREY, 0),
    'deep.pgm': (opencv(DEEP), GREY, 0),
    'deep.jp2': (opencv(DEEP), GREY, 5),
    'grey_with_alpha.tif': (tiff(np.stack([GREY, OPAQUE], -1), **ALPHA), GREY, 0),
    'filled.tif': (tiff(np.dstack([RGB, GREY]), **FILLING), RGB, 0),
    'deep_rgb.png': (opencv(DEEP_RGB), RGB, 0),
    'deep_rgb.ppm': (opencv(DEEP_RGB), RGB, 0),
    'deep_rgb.tif': (opencv(DEEP_RGB), RGB, 0),
    'deep_rgb_big_endian.tif': (
        tiff(DEEP_RGB, photometric='rgb', byteorder='>'),
        RGB,
        0,
    ),
    'turned.jpg': (turned, RGB, 60),
    'turned.png': (turned, RGB, 0),
    # A TIFF's own tag, which Pillow follows.
    'turned.tif': (turned, np.rot90(RGB, -1), 0),
    'one_page.tif': (frames(RGB), RGB, 0),
    'one_frame.webp': (frames(RGB, lossless=True), RGB, 0),
    'pyramid.tif': (pyramid, RGB, 0),
    'cmyk.tif': (pillow(RGB, 'CMYK'), RGB, 1),
    'black.png': (pillow(np.zeros_like(DEEP)), np.zeros_like(GREY), 0),
}
REFUSED = {
    'camera_12_bits.png': pillow(DEEP // 16),
    'camera_12_bits.tif': pillow(DEEP // 16),
    'camera_14_bits.png': pillow(DEEP // 4),
    'camera_12_bits_rgb.png': opencv(DEEP_RGB // 16),
    'camera_12_bits_rgb.tif': opencv(DEEP_RGB // 16),
    'camera_12_bits.jp2': opencv(DEEP // 16),
    'camera_12_bits_rgb.jp2': opencv(DEEP_RGB // 16),
    'deep_rgb.jp2': opencv(DEEP_RGB),  # Pillow makes white black
    'five_channels.tif': tiff(np.dstack([RGB, GREY, GREY]), photometric='rgb'),
    'two_channels.tif': tiff(
        RGB[..., :2].copy(), photometric='minisblack', planarconfig='contig'
    ),
    'int32.tif': pillow(GREY.astype(np.int32) * 257),
    'uint32.tif': tiff(GREY.astype(np.uint32) * 257),
    'int16.tif': tiff(GREY.astype(np.int16) * 100),
    'int8.tif': tiff((GREY.astype(int) - 128).astype(np.int8)),
    'float.tif': pillow(FLOATS),
    'float_255.tif': pillow(FLOATS * 255),
    'float.pfm': opencv(FLOATS),
    'float_rgb.tif': tiff(np.stack([FLOATS] * 3, -1), photometric='rgb'),
    'half.tif': tiff(FLOATS.astype(np.float16)),
    'white_is_zero_16.tif': tiff(DEEP, photometric='miniswhite'),
    'planes_16.tif': tiff(
        np.moveaxis(DEEP_RGB, -1, 0).copy(), photometric='rgb', planarconfig='separate'
    ),
    'pages.tif': frames(RGB, RGB[::-1].copy()),
    'pages_16.tif': frames(DEEP, DEEP),
    'animated.gif': frames(GREY, GREY.T[::-1].copy()),
    'animated.webp': frames(RGB, RGB[::-1].copy()),
    'animated.png': frames(RGB, RGB[::-1].copy()),
    'lab.tif': tiff(RGB, photometric='cielab'),
}


def through(path, backend):
    """Return what a pipeline makes of a file, 0 to 255, (64, 64, 3)."""
    step = PatchGastricPipeline(
        test_mode=True, size=64, mean=[0, 0, 0], std=[1, 1, 1], backend=backend
    )
    image = step({'img_info': {'filename': str(path)}})['img'].numpy()
    return (image if backend == 'fast' else image * 255).transpose(1, 2, 0)


@pytest.mark.parametrize('name', READ)
def test_known_pixels_keep_their_values(tmp_path, name):
    write, wanted, allowed = READ[name]
    path = tmp_path / f'slide_{name}'
    write(path)
    image = read_patch_file(path)
    assert image.mode == 'RGB'
    pixels = np.asarray(image).astype(int)
    if wanted is not None:
        wanted = wanted if wanted.ndim == 3 else np.stack([wanted] * 3, -1)
        assert np.abs(pixels - wanted).max() <= allowed
    else:
        assert set(np.unique(pixels)) == {0, 255}
    for backend in ('fast', 'pillow'):
        np.testing.assert_allclose(through(path, backend), pixels, atol=1e-3)
    assert look_at([str(path)], decode=True) == []


@pytest.mark.parametrize('name', REFUSED)
def test_unknown_pixels_are_refused_with_their_file(tmp_path, name):
    path = tmp_path / f'slide_{name}'
    REFUSED[name](path)
    for backend in ('fast', 'pillow'):
        with pytest.raises(UnreadablePatchError, match=name):
            through(path, backend)
    ((kind, where, message),) = look_at([str(path)], decode=True)
    assert (kind, where) == ('unreadable image', str(path))
    assert name in message


@pytest.mark.parametrize('mode', ['RGBA', 'LA', 'P', 'RGB', 'L'])
def test_what_is_transparent_comes_out_white(tmp_path, mode):
    """A file says so by a channel, or by a colour that stands for nothing."""
    path = tmp_path / 'slide_0.png'
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:2] = 200
    image = Image.fromarray(pixels)
    options = {}
    if mode in ('RGBA', 'LA'):
        image = image.convert(mode)
        image.putalpha(Image.fromarray(pixels[..., 0]).point(lambda v: 255 * (v > 0)))
    elif mode == 'P':
        image = image.convert('L').convert('P')
        options = {'transparency': 0}
    else:
        image = image.convert(mode)
        options = {'transparency': (0, 0, 0) if mode == 'RGB' else 0}
    image.save(path, **options)
    wanted = np.where(pixels == 0, 255, pixels)
    np.testing.assert_array_equal(np.asarray(read_patch_file(path)), wanted)
    np.testing.assert_allclose(through(path, 'fast')[0, 0], [200, 200, 200], atol=1)


@pytest.mark.parametrize('mode', ['HSV', 'YCbCr', 'CMYK', 'PA', 'La', 'RGBa', 'RGBX'])
def test_images_in_memory_of_any_mode(mode):
    grey = Image.new('RGB', (4, 4), (120, 120, 120))
    if mode in ('La', 'PA', 'RGBa'):
        image = grey.convert('LA' if mode != 'RGBa' else 'RGBA').convert(mode)
    else:
        image = grey.convert(mode)
    pixels = np.asarray(load_rgb(image)).astype(int)
    assert np.abs(pixels - 120).max() <= 1


@pytest.mark.parametrize('mode', ['I', 'F', 'LAB'])
def test_images_in_memory_of_unknown_range_are_refused(mode):
    with pytest.raises(PixelError, match='range is not known'):
        load_rgb(Image.new(mode, (4, 4)))
