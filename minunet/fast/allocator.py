"""Settings of the C library's allocator: it keeps the memory that arrays free."""

import ctypes
import os


def keep_memory() -> None:
    """Keep freed memory for the next arrays instead of returning it to the system.

    The maps of each training step have the same sizes, but the C library returns large blocks to
    the system, which then provides new ones page by page, cleared: 10 to 25 % of a step. With a C
    library other than glibc, do nothing.
    """
    trim_threshold, mmap_threshold = -1, -3  # from its malloc.h
    library = ctypes.CDLL(None) if os.name == "posix" else None
    if library is not None and hasattr(library, "mallopt"):
        library.mallopt(trim_threshold, 2**31 - 1)
        library.mallopt(mmap_threshold, 2**30)
