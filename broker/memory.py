"""Keep a worker small: what the C library holds back, and what the collector walks through in vain.

Record values are tens of kilobytes and live for a moment. The C library keeps such blocks on its heaps, one heap per
thread, and seldom gives them back; here they go straight to the system and return to it. Linux with glibc only:
anywhere else nothing happens.
"""

import ctypes
import gc
import sys
from contextlib import suppress
from typing import Final

_M_MMAP_THRESHOLD: Final = -3  # malloc.h
_M_ARENA_MAX: Final = -8
_LARGE_BYTES: Final = 128 * 1024


def settle() -> None:
    """After the start: a fixed threshold for large blocks, one heap for all threads, what is left over given back."""
    gc.collect()
    gc.freeze()  # what is there now stays; the collector need not look at it again
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, 1)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        library.malloc_trim(0)
