"""Read the arrays of an `.npz` file without trusting it: no pickle, no memory for claimed sizes.

`np.load` allocates an array of the size that a file claims. Here, the header of an array is read
first, so that its dtype and its shape can be checked; only then are its values read.
"""

import hashlib
import json
import math
import sys
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from minunet.array import Array

MOST = 10_000
"""Maximum number of arrays in a file."""

CHUNK = 2**22
"""Number of bytes that are read at a time to compute a checksum."""


class AlteredError(Exception):
    """A readable file has contents that minunet does not write; the message says which."""


class UnknownSettingError(AlteredError):
    """A file has a setting that this version does not know; a newer version may."""


class Header(NamedTuple):
    """An array in the file, before its values are read."""

    shape: tuple[int, ...]
    fortran: bool  # True: the first axis varies fastest
    dtype: np.dtype[Any]
    start: int  # number of bytes before the values
    size: int  # number of bytes in all

    def check_size(self, name: str) -> None:
        """Raise an `AlteredError` unless the file holds as many values as the shape says."""
        needed = math.prod(self.shape) * self.dtype.itemsize
        if needed != self.size - self.start:
            raise AlteredError(
                f"{name} has the shape {shown(self.shape)}, which takes {shown(needed)} bytes, but "
                f"the file holds {self.size - self.start}"
            )


class Archive(NamedTuple):
    """An open `.npz` file."""

    zip: zipfile.ZipFile
    headers: dict[str, Header]  # of all arrays, in the order of the file

    def array(self, name: str) -> Array:
        """Read an array, contiguous and with the byte order of this machine.

        The zip file stores a CRC-32 of every array; `zipfile` compares it.

        Raises
        ------
        AlteredError
            If its values are Python objects, or not as many as the shape says.
        """
        header = self.headers[name]
        if header.dtype.hasobject:
            raise AlteredError(f"{name} contains Python objects")
        header.check_size(name)
        values = np.empty(math.prod(header.shape), header.dtype)
        with self.zip.open(f"{name}.npy") as file:
            file.read(header.start)
            if values.nbytes:
                _read_into(file, values.view(np.uint8).data)
        if header.fortran:
            values = values.reshape(header.shape[::-1]).T
        return np.ascontiguousarray(values.reshape(header.shape))

    def text(self, name: str, most: int) -> str:
        """Read an array that is a single text of at most `most` characters."""
        header = self.headers[name]
        if header.dtype.kind != "U" or header.shape != ():
            raise AlteredError(f"{name} is not a text")
        if header.dtype.itemsize > 4 * most:
            raise AlteredError(f"{name} is a text of {header.dtype.itemsize // 4} characters")
        header.check_size(name)
        with self.zip.open(f"{name}.npy") as file:
            data = file.read()[header.start :]
        order = {"<": "little", ">": "big"}.get(header.dtype.byteorder, sys.byteorder)
        return data.decode("utf-32-" + order[0] + "e").rstrip("\0")

    def checksum(self, meta: Mapping[str, Any]) -> str:
        """Compute the `checksum` of the file, reading all arrays chunk by chunk."""
        found = start_checksum(meta)
        for name, header in self.headers.items():
            if name == "meta":
                continue
            add_header(found, name, header.dtype, header.shape)
            with self.zip.open(f"{name}.npy") as file:
                file.read(header.start)
                while chunk := file.read(CHUNK):
                    found.update(chunk)
        return found.hexdigest()


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an `.npz` file and read the headers of its arrays.

    Raises
    ------
    AlteredError
        If it can be read, but `np.savez` does not write such files.
    other exceptions
        If it is not such a file, or is damaged.
    """
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > MOST:
            raise AlteredError(f"it contains {len(members)} arrays")
        counted = Counter(member.filename for member in members)
        for member in members:
            name = shown(member.filename)
            if counted[member.filename] > 1:
                raise AlteredError(f"it contains {name} twice")
            if not member.filename.endswith(".npy"):
                raise AlteredError(f"it contains {name}, which is not an array")
            if member.compress_type != zipfile.ZIP_STORED:
                raise AlteredError(f"{name} is compressed")
            if member.file_size != member.compress_size:
                raise zipfile.BadZipFile
        # Without compression, no file can hold more than its own size.
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise AlteredError("its arrays are larger than the file")
        headers = {m.filename.removesuffix(".npy"): _header(archive, m) for m in members}
        yield Archive(archive, headers)


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Header:
    """Read the header of an array."""
    with archive.open(member) as file, warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy warns of headers that it has to mend
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise AlteredError(f"{shown(member.filename)} has an unknown header")
        return Header(*read(file), file.tell(), member.file_size)


def _read_into(file: IO[bytes], target: memoryview) -> None:
    """Fill `target` with the rest of a file."""
    done = 0
    while done < len(target):
        chunk = file.read(min(CHUNK, len(target) - done))
        if not chunk:
            raise EOFError
        target[done : done + len(chunk)] = chunk
        done += len(chunk)


def checksum(meta: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """Compute the SHA-256 of JSON values and of arrays with their names and shapes."""
    found = start_checksum(meta)
    for name, array in arrays.items():
        add_header(found, name, array.dtype, array.shape)
        found.update(array.reshape(-1).data)
    return found.hexdigest()


def start_checksum(meta: Mapping[str, Any]) -> "hashlib._Hash":
    """Start a checksum with `meta`, except for the checksum in it."""
    rest = {name: value for name, value in meta.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest).encode())


def add_header(
    found: "hashlib._Hash", name: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> None:
    """Add what precedes the values of an array to a checksum."""
    found.update(f"{name} {dtype.str} {shape}".encode())


def shown(value: object) -> str:
    """Return a value from a file as it may be printed: short, and without control characters.

    Examples
    --------
    >>> shown("depth")
    "'depth'"
    """
    try:
        text = ascii(value)
    except ValueError:  # Python does not print whole numbers of more than 4300 digits
        return "a huge number"
    return text if len(text) <= 60 else text[:57] + "..."
