"""Memory that the allocator keeps after weights were read."""

import ctypes


def trim_heap() -> None:
    """Give freed memory back to the system, where the C library can (glibc's).

    Reading weights leaves hundreds of megabytes that are free but lie below memory in
    use: the process, and every worker forked from it, would hold them to the end.
    """
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)
