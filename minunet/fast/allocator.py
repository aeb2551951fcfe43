"""Settings of the C library's memory allocator."""

import ctypes
import os


def keep_memory() -> None:
    """Keep freed memory for the next arrays instead of returning it to the system.

    Every training step allocates maps of the same sizes. By default, glibc returns large blocks to
    the system when they are freed, and the system must clear new pages for the next array, which
    accounts for 10 to 25 % of the time of a step. If the C library is not glibc, this function
    does nothing.
    """
    trim_threshold, mmap_threshold = -1, -3  # from glibc's malloc.h
    library = ctypes.CDLL(None) if os.name == "posix" else None
    if library is not None and hasattr(library, "mallopt"):
        library.mallopt(trim_threshold, 2**31 - 1)
        library.mallopt(mmap_threshold, 2**30)
