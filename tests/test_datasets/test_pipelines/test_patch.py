"""Patches are read in the listed formats, under any file name."""

from contextlib import suppress

import numpy as np
import pytest
from damaged_images import SHORT_CHUNKS, png_with_short_chunk
from PIL import EpsImagePlugin, Image

from cite.apis.check import images
from cite.core.files.patch_file import FORMATS
from cite.datasets.pipelines import PatchGastricPipeline, UnreadablePatchError
from cite.datasets.pipelines.patch import read_patch

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 10 10
%%EndComments
showpage
"""


@pytest.fixture
def trace(tmp_path, monkeypatch):
    """Put a Ghostscript first on the path that writes a file when it is started."""
    program = tmp_path / 'bin/gs'
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ntouch {tmp_path}/started\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', f'{program.parent}:/usr/bin:/bin')
    # What Pillow found before.
    monkeypatch.setattr(EpsImagePlugin, 'gs_binary', None)
    return tmp_path / 'started'


@pytest.fixture
def eps(tmp_path):
    (tmp_path / 'slide_0.jpg').write_bytes(EPS)
    return tmp_path / 'slide_0.jpg'


def test_the_trap_is_one(eps, trace):
    with suppress(OSError), Image.open(eps) as image:
        image.load()
    assert trace.exists()


@pytest.mark.parametrize('backend', ['pillow', 'fast'])
def test_no_program_is_started_for_a_patch(eps, trace, backend):
    pipeline = PatchGastricPipeline(test_mode=True, backend=backend)
    with pytest.raises(UnreadablePatchError, match=r'slide_0\.jpg: .* EPS .*JPEG, PNG'):
        pipeline({'img_info': {'filename': str(eps)}})
    assert not trace.exists()


def test_no_program_is_started_by_the_check(eps, trace):
    ((kind, path, message),) = images.look_at([str(eps)], decode=True)
    assert (kind, path) == ('unreadable image', str(eps))
    assert 'EPS' in message
    assert not trace.exists()


@pytest.mark.parametrize('kind', FORMATS)
def test_each_format_is_read_under_any_name(tmp_path, kind):
    pixels = np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'patch.any', kind)
    with Image.open(tmp_path / 'patch.any') as image:
        assert image.format == kind
        wanted = np.asarray(image.convert('RGB'))
    got = read_patch({'img_info': {'filename': str(tmp_path / 'patch.any')}})
    np.testing.assert_array_equal(np.asarray(got.convert('RGB')), wanted)


@pytest.mark.parametrize('content', [b'', b'%!PS', b'no image of any kind at all'])
def test_what_is_no_image_is_no_format(tmp_path, content):
    (tmp_path / 'patch.jpg').write_bytes(content)
    with pytest.raises(UnreadablePatchError, match='cannot identify image file'):
        read_patch({'img_info': {'filename': str(tmp_path / 'patch.jpg')}})


@pytest.mark.parametrize('kind', SHORT_CHUNKS)
def test_damage_after_the_pixels_is_named(tmp_path, kind):
    file = tmp_path / 'slide_0.png'
    file.write_bytes(png_with_short_chunk(kind))
    with pytest.raises(
        UnreadablePatchError, match=r'slide_0\.png: this patch is trunc'
    ):
        read_patch({'img_info': {'filename': str(file)}})
    ((fault, path, message),) = images.look_at([str(file)], decode=True)
    assert (fault, path) == ('unreadable image', str(file))
    assert str(file) in message


def test_memory_that_ran_out_is_not_the_file_s_fault(patch, monkeypatch):
    def load(self):
        raise MemoryError

    monkeypatch.setattr('PIL.ImageFile.ImageFile.load', load)
    with pytest.raises(MemoryError):
        read_patch({'img_info': {'filename': str(patch)}})
