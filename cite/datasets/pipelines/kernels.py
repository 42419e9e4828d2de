"""Pillow's resize and colour jitter, bit for bit, in loops that a CPU can vectorise.

Compiled by numba at first use and kept on disk. Blocks of ``BLOCK`` pixels, red, then
green, then blue, stay in the fastest memory through all steps. The arithmetic, its
order and its precision (float32) are Pillow's: ``src/libImaging/{Resample,Blend,
Convert}.c``; that float32 suffices for hue was checked over all values there are.
"""

from typing import Any

import numpy as np
from numba import njit

BLOCK = 1024
f32, i32, u8 = np.float32, np.int32, np.uint8
_compiled: Any = njit(nogil=True, error_model='numpy', cache=True)


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
    """Write weighted sums of rows (n, W) uint8 into out (m, W); weights (m, k) * 2^22.

    ``first`` (m,) says which row the first weight of each belongs to.
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


@_compiled
def _saturation(c, factor):  # type: ignore[no-untyped-def]
    for i in range(BLOCK):
        r, g, b = i32(c[i]), i32(c[BLOCK + i]), i32(c[2 * BLOCK + i])
        luma = r * i32(19595) + g * i32(38470) + b * i32(7471) + i32(0x8000)
        grey = luma >> i32(16)
        y = f32(grey)
        c[i] = u8(i32(min(max(y + factor * f32(r - grey), f32(0)), f32(255))))
        c[BLOCK + i] = u8(i32(min(max(y + factor * f32(g - grey), f32(0)), f32(255))))
        c[2 * BLOCK + i] = u8(
            i32(min(max(y + factor * f32(b - grey), f32(0)), f32(255)))
        )


@_compiled
def _to_hsv(c, w):  # type: ignore[no-untyped-def]
    for i in range(BLOCK):
        r, g, b = i32(c[i]), i32(c[BLOCK + i]), i32(c[2 * BLOCK + i])
        high = max(r, max(g, b))
        spread = high - min(r, min(g, b))
        e = (g - b) if r == high else ((b - r) if g == high else (r - g))
        o = f32(0) if r == high else (f32(2) if g == high else f32(4))
        a = e if e >= 0 else -e
        t = f32(spread - a) / f32(max(spread, i32(1)))
        h = (o + f32(1)) - t if e >= 0 else (o - f32(1)) + t
        h = f32(0) if spread == 0 else h
        h = h / f32(6)
        h = f32(1) + h if h < f32(0) else h
        w[i] = i32(h * f32(255))
        w[BLOCK + i] = i32(f32(spread) / f32(max(high, i32(1))) * f32(255))
        w[2 * BLOCK + i] = high


@_compiled
def _levels(w, shift):  # type: ignore[no-untyped-def]
    """Replace hue and saturation by sextant, lowest and middle level."""
    for i in range(BLOCK):
        u = (w[i] + shift) & i32(255)
        sextant = (u * i32(6 * 32897)) >> i32(23)  # 6 u / 255
        f = f32(u * i32(6) - sextant * i32(255)) / f32(255)
        s = f32(w[BLOCK + i]) / f32(255)
        v = f32(w[2 * BLOCK + i])
        g = f if (sextant & i32(1)) == i32(1) else f32(1) - f
        w[i] = sextant
        w[BLOCK + i] = i32(v * (f32(1) - s) + f32(0.5))
        w[3 * BLOCK + i] = i32(v * (f32(1) - s * g) + f32(0.5))


@_compiled
def _choose(c, w):  # type: ignore[no-untyped-def]
    for i in range(BLOCK):
        k = w[i]
        low, high, mid = w[BLOCK + i], w[2 * BLOCK + i], w[3 * BLOCK + i]
        k = i32(0) if k == i32(6) else k
        r = high if k == 0 else low
        r = mid if k == 1 else r
        r = mid if k == 4 else r
        r = high if k == 5 else r
        g = mid if k == 0 else low
        g = high if k == 1 else g
        g = high if k == 2 else g
        g = mid if k == 3 else g
        b = mid if k == 2 else low
        b = high if k == 3 else b
        b = high if k == 4 else b
        b = mid if k == 5 else b
        c[i] = u8(r)
        c[BLOCK + i] = u8(g)
        c[2 * BLOCK + i] = u8(b)


@_compiled
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in range(source.shape[0]):
        target[i] = source[i]


@_compiled
def jitter(src, dst, order, brightness, saturation, shift):  # type: ignore[no-untyped-def]
    """Jitter planes (3 * n,) uint8 of ``src`` into ``dst``.

    ``order`` holds 0 (brightness), 1 (contrast: none), 2 (saturation) and 3 (hue, by
    ``shift`` of 255 steps), as torchvision numbers them.
    """
    n = src.shape[0] // 3
    c = np.zeros(3 * BLOCK, u8)
    w = np.empty(4 * BLOCK, i32)
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
                _to_hsv(c, w)
                _levels(w, shift)
                _choose(c, w)
        for k in range(3):
            _copy(c[k * BLOCK : k * BLOCK + e], dst[k * n + s : k * n + s + e])
