"""What the C library does with memory that arrays give back."""

import ctypes
import os


def keep_memory() -> None:
    """Keep what arrays give back for those that come next, instead of returning it to the system.

    The maps of a step are as large as those of the step before, but the C library returns large
    blocks at once, and the system hands out new ones page by page, cleared: that cost a tenth to a
    quarter of a step. Nothing happens where the C library is not glibc.
    """
    trim_threshold, mmap_threshold = -1, -3  # from its malloc.h
    library = ctypes.CDLL(None) if os.name == "posix" else None
    if library is not None and hasattr(library, "mallopt"):
        library.mallopt(trim_threshold, 2**31 - 1)
        library.mallopt(mmap_threshold, 2**30)
