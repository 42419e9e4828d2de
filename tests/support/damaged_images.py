"""Files that begin as images do and are none that may be decoded."""

import io
import struct
import zlib

from PIL import Image

# What follows the pixels of a PNG is read last, by parsers that trust its length.
SHORT_CHUNKS = {'iCCP': b'a\0', 'gAMA': b'aa', 'cHRM': b'aaa', 'tRNS': b'a'}


def png_with_short_chunk(kind: str = 'iCCP') -> bytes:
    """Return a PNG whose last chunk but one is shorter than its kind is."""
    png, content = _saved('PNG'), SHORT_CHUNKS[kind]
    chunk = kind.encode() + content
    chunk = (
        struct.pack('>I', len(content)) + chunk + struct.pack('>I', zlib.crc32(chunk))
    )
    return png[:-12] + chunk + png[-12:]  # 12: IEND


def jpeg_that_claims(height: int, width: int) -> bytes:
    """Return a small JPEG whose frame says that it is of this size."""
    jpeg = bytearray(_saved('JPEG'))
    frame = jpeg.index(b'\xff\xc0')
    jpeg[frame + 5 : frame + 9] = struct.pack('>HH', height, width)
    return bytes(jpeg)


def _saved(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new('RGB', (24, 24), (200, 80, 150)).save(stream, kind)
    return stream.getvalue()
