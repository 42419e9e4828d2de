"""Pillow's resize and colour jitter, bit for bit, in loops that a CPU can vectorise.

Compiled by numba at first use and kept on disk. Blocks of ``BLOCK`` pixels, red, then
green, then blue, stay in the fastest cache through all steps. The arithmetic is
Pillow's: ``src/libImaging/{Resample,Blend,Convert}.c``. The tests check over all
colours of a brightness that float32 gives the same bytes for hue.
"""

from typing import Any

import numpy as np
from numba import njit

BLOCK = 1024
f32, i32, u8 = np.float32, np.int32, np.uint8
_compiled: Any = njit(nogil=True, error_model='numpy', cache=True)
_inlined: Any = njit(error_model='numpy', cache=True, inline='always')


@_compiled
def _add_row(total, row, weight):  # type: ignore[no-untyped-def]
    for i in range(row.shape[0]):
        total[i] += weight * i32(row[i])


@_compiled
def _clip_row(total, row):  # type: ignore[no-untyped-def]
    for i in range(row.shape[0]):
        row[i] = u8(min(max(total[i] >> i32(22), i32(0)), i32(255)))


@_compiled
def resample_rows(rows, first, weights, out):  # type: ignore[no-untyped-def]
    """Write weighted sums of rows of an image.

    Args:
        rows: (n, W) uint8.
        first: (m,), row to which the first weight of each sum belongs.
        weights: (m, k) int32, in units of 2**-22.
        out: (m, W) uint8, overwritten.
    """
    total = np.empty(rows.shape[1], i32)
    for j in range(out.shape[0]):
        total[:] = i32(1 << 21)
        for k in range(weights.shape[1]):
            if weights[j, k] != 0:
                _add_row(total, rows[first[j] + k], weights[j, k])
        _clip_row(total, out[j])


@_compiled
def _brightness(c, factor):  # type: ignore[no-untyped-def]
    for i in range(3 * BLOCK):
        c[i] = u8(i32(min(factor * f32(c[i]), f32(255))))


@_inlined
def _mix(grey, level, factor):  # type: ignore[no-untyped-def]
    return u8(i32(min(max(grey + factor * (level - grey), f32(0)), f32(255))))


@_compiled
def _saturation(c, factor):  # type: ignore[no-untyped-def]
    for i in range(BLOCK):
        r, g, b = f32(i32(c[i])), f32(i32(c[BLOCK + i])), f32(i32(c[2 * BLOCK + i]))
        # All terms and the sum are whole numbers below 2^24: exact.
        luma = r * f32(19595) + g * f32(38470) + b * f32(7471) + f32(0x8000)
        grey = f32(i32(luma * f32(2**-16)))
        c[i] = _mix(grey, r, factor)
        c[BLOCK + i] = _mix(grey, g, factor)
        c[2 * BLOCK + i] = _mix(grey, b, factor)


@_inlined
def _channel(high, saturation, part):  # type: ignore[no-untyped-def]
    """Return a level; ``part`` of 255, clipped, is its distance from ``high``."""
    part = min(max(part, f32(0)), f32(255))
    return u8(i32(high * (f32(1) - saturation * part) + f32(0.5)))


# Together 255 / 6, so divided that whole parts of the products are those of Pillow's
# ``x / 6 * 255`` for every x that bytes can give; the plain 42.5 fails for 26 of them.
_SIXTHS, _OF_255 = f32(0.33289507), f32(127.667854)


@_compiled
def _hue(c, shift):  # type: ignore[no-untyped-def]
    for i in range(BLOCK):
        r, g, b = f32(i32(c[i])), f32(i32(c[BLOCK + i])), f32(i32(c[2 * BLOCK + i]))
        high = max(r, max(g, b))
        spread = high - min(r, min(g, b))
        e = (g - b) if r == high else ((b - r) if g == high else (r - g))
        o = f32(0) if r == high else (f32(2) if g == high else f32(4))
        sign = f32(1) if e >= f32(0) else f32(-1)
        away = (spread - sign * e) / max(spread, f32(1))
        # No matter for greys: s is 0.
        h = ((o + sign) - sign * away) * _SIXTHS * _OF_255
        h = f32(255) + h if h < f32(0) else h
        # Pillow keeps hue and saturation in a byte each.
        turned = i32(i32(i32(h) + shift) & i32(255))
        at = f32(turned) * f32(6)  # position on a circle of 1530 steps
        s = f32(i32(spread / max(high, f32(1)) * f32(255))) * f32(1 / 255**2)
        c[i] = _channel(high, s, f32(510) - abs(at - f32(765)))
        c[BLOCK + i] = _channel(high, s, abs(at - f32(510)) - f32(255))
        c[2 * BLOCK + i] = _channel(high, s, abs(at - f32(1020)) - f32(255))


@_compiled
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in range(source.shape[0]):
        target[i] = source[i]


@_compiled
def jitter(src, dst, order, brightness, saturation, shift):  # type: ignore[no-untyped-def]
    """Jitter the colours of an image.

    Args:
        src: (3 * n,) uint8, the planes red, green and blue.
        dst: (3 * n,) uint8, overwritten.
        order: steps as torchvision numbers them: 0 (brightness), 1 (contrast: left
            unchanged), 2 (saturation) and 3 (hue).
        brightness, saturation: factors, float32.
        shift: shift of the hue, in steps of 1/256 of the circle.
    """
    n = src.shape[0] // 3
    c = np.zeros(3 * BLOCK, u8)
    for s in range(0, n, BLOCK):
        e = min(n - s, BLOCK)
        for k in range(3):
            _copy(src[k * n + s : k * n + s + e], c[k * BLOCK : k * BLOCK + e])
        for step in order:
            if step == 0:
                _brightness(c, brightness)
            elif step == 2:
                _saturation(c, saturation)
            elif step == 3:
                _hue(c, shift)
        for k in range(3):
            _copy(c[k * BLOCK : k * BLOCK + e], dst[k * n + s : k * n + s + e])


# A division by 255 as two products: for a byte the first is exact, and the rounded sum
# equals the rounded quotient (the tests check all 256).
_HIGH = f32(np.floor(2**23 / 255) / 2**23)  # 16 bits of 1 / 255
_LOW = f32(1 / 255 - float(_HIGH))


@_compiled
def _normalize_plane(src, out, mean, std):  # type: ignore[no-untyped-def]
    for i in range(src.shape[0]):
        byte = f32(i32(src[i]))
        out[i] = (byte * _HIGH + byte * _LOW - mean) / std


@_compiled
def normalize(src, out, mean, std):  # type: ignore[no-untyped-def]
    """Write (src / 255 - mean) / std.

    Args:
        src: (N, 3, n) uint8.
        out: (N, 3, n) float32, overwritten.
        mean, std: (N, 3) float32.
    """
    for i in range(src.shape[0]):
        for c in range(3):
            _normalize_plane(src[i, c], out[i, c], mean[i, c], std[i, c])


def warm_up() -> None:
    """Load the loops into this process, so that workers forked from it have them.

    Otherwise each worker would spend half a second on it, competing for the cores.
    """
    kept, pixels = np.zeros(3, u8), np.zeros(3, u8)
    kept.flags.writeable = False  # a cached patch, a different type to numba
    for source in (pixels, kept):
        jitter(source, pixels.copy(), np.arange(4), f32(1), f32(1), i32(0))
    row, weights = pixels[None], np.zeros((1, 1), i32)
    resample_rows(row, np.zeros(1, np.int64), weights, row.copy())
    statistics = np.ones((1, 3), f32)
    normalize(pixels.reshape(1, 3, 1), np.empty((1, 3, 1), f32), statistics, statistics)
