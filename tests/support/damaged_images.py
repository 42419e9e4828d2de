"""Files that start like images but must not be decoded."""

import io
import struct
import zlib

from PIL import Image

# Parsers read these chunks, after the pixels of a PNG, and trust their length.
SHORT_CHUNKS = {'iCCP': b'a\0', 'gAMA': b'aa', 'cHRM': b'aaa', 'tRNS': b'a'}


def png_with_short_chunk(kind: str = 'iCCP') -> bytes:
    """Return a PNG whose last chunk but one is shorter than its kind requires."""
    png, content = _saved('PNG'), SHORT_CHUNKS[kind]
    chunk = kind.encode() + content
    chunk = (
        struct.pack('>I', len(content)) + chunk + struct.pack('>I', zlib.crc32(chunk))
    )
    return png[:-12] + chunk + png[-12:]  # 12: IEND


def jpeg_that_claims(height: int, width: int) -> bytes:
    """Return a small JPEG whose frame header states this size."""
    jpeg = bytearray(_saved('JPEG'))
    frame = jpeg.index(b'\xff\xc0')
    jpeg[frame + 5 : frame + 9] = struct.pack('>HH', height, width)
    return bytes(jpeg)


def _saved(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new('RGB', (24, 24), (200, 80, 150)).save(stream, kind)
    return stream.getvalue()
